/// What is written of an object must be all of it, so who reads metadata only may patch and delete, and nothing else. The
/// bodies are there for the compiler alone, which lets nobody call what is unavailable.
extension ResourceClient where Object == PartialObjectMetadata {
    @available(*, unavailable, message: "the object would have nothing but metadata")
    public func create(_ object: Object, _ options: WriteOptions = WriteOptions()) async throws -> Object {
        fatalError("unavailable")
    }

    @available(*, unavailable, message: "everything but the metadata would be lost; patch the metadata instead")
    public func replace(
        _ object: Object,
        subresource: Subresource? = nil,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        fatalError("unavailable")
    }

    @available(*, unavailable, message: "everything but the metadata would be lost; patch the metadata instead")
    public func modify(
        _ name: String,
        subresource: Subresource? = nil,
        _ options: WriteOptions = WriteOptions(),
        _ change: (inout Object) throws -> Void
    ) async throws -> Object {
        fatalError("unavailable")
    }
}
