import Glibc
import Synchronization

/// Notices jobs that a simulation would lose to the global executor, where nothing is deterministic.
///
/// The runtime lets a program look at each job on its way there. One that is put there by a thread that is running a
/// simulation has escaped.
enum GlobalQueueWatch {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    /// Only for the present thread.
    static var isSimulating: Bool {
        get { pthread_getspecific(key) != nil }
        set { pthread_setspecific(key, newValue ? UnsafeRawPointer(bitPattern: 1) : nil) }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static let escapes = Atomic(0)
    private static let installed: Bool = {
        guard let symbol = dlsym(dlopen(nil, 0), "swift_task_enqueueGlobal_hook") else { return false }
        symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, original in
            if GlobalQueueWatch.isSimulating { GlobalQueueWatch.escapes.add(1, ordering: .relaxed) }
            original(job)
        }
        return true
    }()

    static func install() { precondition(installed, "the runtime has no swift_task_enqueueGlobal_hook") }

    /// How many jobs have escaped from all simulations of this program.
    static var count: Int { escapes.load(ordering: .relaxed) }
}
