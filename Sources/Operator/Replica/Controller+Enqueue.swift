internal import CRDs
internal import KubeClient
internal import KubeRuntime
internal import Reconcilers
internal import Workflows

extension Controller<HonuaProcess> {
    /// Has all processes looked at that may be another replica's now.
    func enqueue(_ change: Membership.Change) {
        for process in store.objects {
            let isOver = process.isFinished && !process.wantsRerun
            switch change {
            case .replicas: queue.add(process.metadata.key, priority: isOver ? .low : .normal)
            case .room: if !isOver, process.status?.state == nil { queue.add(process.metadata.key) }
            }
        }
    }
}
