internal import CYAML
public import JSON

extension YAMLDocument {
    /// The YAML text of a value, as `kubectl get -o yaml` would print it: block style, keys sorted, two blanks.
    public static func emit(_ value: JSONValue) -> String {
        var emitter = Emitter()
        emitter.emit(value)
        return emitter.text
    }
}

/// Feeds libyaml's emitter, which decides on quoting and layout.
private struct Emitter {
    private final class Output {
        var bytes: [UInt8] = []
    }

    private var emitter = yaml_emitter_t()
    private let output = Output()

    var text: String { String(decoding: output.bytes, as: UTF8.self) }

    mutating func emit(_ value: JSONValue) {
        yaml_emitter_initialize(&emitter)
        defer { yaml_emitter_delete(&emitter) }
        yaml_emitter_set_unicode(&emitter, 1)
        yaml_emitter_set_width(&emitter, -1)
        // The output object outlives the emitter: it is a property of this struct.
        let target = Unmanaged.passUnretained(output).toOpaque()
        yaml_emitter_set_output(
            &emitter,
            { target, buffer, size in
                guard let target, let buffer else { return 0 }
                let output = Unmanaged<Output>.fromOpaque(target).takeUnretainedValue()
                output.bytes.append(contentsOf: UnsafeBufferPointer(start: buffer, count: size))
                return 1
            },
            target
        )
        send { yaml_stream_start_event_initialize($0, YAML_UTF8_ENCODING) }
        send { yaml_document_start_event_initialize($0, nil, nil, nil, 1) }
        write(value)
        send { yaml_document_end_event_initialize($0, 1) }
        send { yaml_stream_end_event_initialize($0) }
    }

    private mutating func send(_ initialize: (UnsafeMutablePointer<yaml_event_t>) -> Int32) {
        var event = yaml_event_t()
        // Both calls can only be short of memory; the emitter then drops the rest of the text.
        if initialize(&event) == 1 { yaml_emitter_emit(&emitter, &event) }
    }

    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: write("null", YAML_PLAIN_SCALAR_STYLE)
        case .bool, .int, .double: write(value.description, YAML_PLAIN_SCALAR_STYLE)
        case .string(let text): write(text, style(of: text))
        case .array(let elements):
            let style = elements.isEmpty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE
            send { yaml_sequence_start_event_initialize($0, nil, nil, 1, style) }
            for element in elements { write(element) }
            send { yaml_sequence_end_event_initialize($0) }
        case .object(let members):
            let style = members.isEmpty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE
            send { yaml_mapping_start_event_initialize($0, nil, nil, 1, style) }
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                write(.string(key))
                write(member)
            }
            send { yaml_mapping_end_event_initialize($0) }
        }
    }

    private func style(of text: String) -> yaml_scalar_style_t {
        if YAMLScalar.resolve(text) != .string(text) { return YAML_SINGLE_QUOTED_SCALAR_STYLE }
        return text.contains("\n") ? YAML_LITERAL_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE
    }

    private mutating func write(_ text: String, _ style: yaml_scalar_style_t) {
        let bytes = Array(text.utf8)
        send { event in
            bytes.withUnsafeBufferPointer {
                yaml_scalar_event_initialize(event, nil, nil, $0.baseAddress, Int32($0.count), 1, 1, style)
            }
        }
    }
}
