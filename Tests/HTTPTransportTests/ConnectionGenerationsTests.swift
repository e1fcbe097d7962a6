import Testing

@testable import HTTPTransport

struct ConnectionGenerationsTests {
    @Test func `retiring touches one origin`() {
        var generations = ConnectionGenerations()
        generations.retire(0, of: "a")
        #expect(generations.current(of: "a") != 0)
        #expect(generations.current(of: "b") == 0)
    }

    @Test func `requests that time out on one connection retire it once`() {
        var generations = ConnectionGenerations()
        generations.retire(0, of: "a")
        let next = generations.current(of: "a")
        generations.retire(0, of: "a")
        #expect(generations.current(of: "a") == next)
        generations.retire(next, of: "a")
        #expect(generations.current(of: "a") != next)
    }

    @Test func `no generation is given twice, however many origins there are`() {
        var generations = ConnectionGenerations()
        var seen: Set<Int> = [0]
        for round in 0..<3 * ConnectionGenerations.capacity {
            #expect(seen.insert(generations.unique()).inserted)
            let origin = "\(round)"
            generations.retire(generations.current(of: origin), of: origin)
            #expect(seen.insert(generations.current(of: origin)).inserted)
        }
    }

    @Test func `a retired generation does not come back when the memory is full`() {
        var generations = ConnectionGenerations()
        generations.retire(0, of: "a")
        let retired = [0, generations.current(of: "a")]
        generations.retire(retired[1], of: "a")
        for number in 0..<2 * ConnectionGenerations.capacity {
            generations.retire(generations.current(of: "\(number)"), of: "\(number)")
            #expect(!retired.contains(generations.current(of: "a")))
        }
    }
}
