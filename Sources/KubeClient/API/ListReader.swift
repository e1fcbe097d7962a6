internal import JSON

/// Reads the objects of a list out of its bytes, as they arrive.
struct ListReader<Object: KubeObject> {
    private let operation: KubeOperation
    private let onUnreadable: (@Sendable (KubeError) -> Void)?
    private var reader = JSONListReader()

    /// - Parameter onUnreadable: told of objects that are left out; when nil they are thrown.
    init(_ operation: KubeOperation, _ onUnreadable: (@Sendable (KubeError) -> Void)? = nil) {
        self.operation = operation
        self.onUnreadable = onUnreadable
    }

    /// Hands on the objects that are complete with these bytes.
    mutating func read(_ chunk: [UInt8], _ body: (Object) -> Void) throws {
        do {
            try reader.read(chunk.span) { element in
                let object: Object
                do {
                    object = try Object(parsing: element, skipping: ["metadata", "managedFields"])
                } catch let error as JSONDecodingError {
                    guard let onUnreadable else { throw KubeError(.unreadable, operation, "\(error)") }
                    let name = try? PartialObjectMetadata(parsing: element).metadata.key
                    onUnreadable(KubeError(.unreadable, operation, "\(name?.description ?? "an object"): \(error)"))
                    return
                } catch {
                    throw KubeError(.unreadable, operation, "\(error)")
                }
                body(object)
            }
        } catch let error as JSONDecodingError {
            throw KubeError(.unreadable, operation, "the answer is no list: \(error)")
        } catch let error as KubeError {
            throw KubeError(.unreadable, operation, "items[\(reader.count)]: \(error.message)")
        }
    }

    /// What there is to know when all bytes are there.
    func finish(_ items: [Object]) throws -> ObjectList<Object> {
        let rest: JSONValue
        do {
            rest = try reader.finish()
        } catch {
            throw KubeError(.unreadable, operation, "the answer is no whole list: \(error)")
        }
        let metadata = rest["metadata"]
        guard case .object = metadata else {
            throw KubeError(.unreadable, operation, "the answer is no list: it has no metadata")
        }
        return ObjectList(
            items: items,
            resourceVersion: metadata?["resourceVersion"]?.string ?? "",
            continueToken: metadata?["continue"]?.string.flatMap { $0.isEmpty ? nil : $0 },
            remainingItemCount: metadata?["remainingItemCount"]?.int.map { Int($0) }
        )
    }
}
