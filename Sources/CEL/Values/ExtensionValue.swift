/// A value of the libraries for Kubernetes.
public enum ExtensionValue: Sendable {
    /// An amount of a resource: `quantity("1.5Gi")`.
    case quantity(Quantity)
    /// An absolute URL or path.
    case url(AbsoluteURL)
    /// An IPv4 or IPv6 address.
    case ip(IPAddress)
    /// A range of addresses.
    case cidr(CIDR)
    /// A check for texts: `format.dns1123Label()`.
    case format(NamedFormat)

    /// As `type(value)` gives it.
    public var type: ValueType {
        switch self {
        case .quantity: ValueType("kubernetes.Quantity")
        case .url: ValueType("kubernetes.URL")
        case .ip: ValueType("net.IP")
        case .cidr: ValueType("net.CIDR")
        case .format: ValueType("kubernetes.NamedFormat")
        }
    }

    /// As `string(value)` gives it, nil for formats.
    public var text: String? {
        switch self {
        case .quantity(let value): value.description
        case .url(let value): value.text
        case .ip(let value): value.description
        case .cidr(let value): value.description
        case .format: nil
        }
    }

    func equals(_ other: ExtensionValue) -> Bool {
        switch (self, other) {
        case (.quantity(let left), .quantity(let right)): left == right
        case (.url(let left), .url(let right)): left.text.isSame(as: right.text)
        case (.ip(let left), .ip(let right)): left.unmapped == right.unmapped
        case (.cidr(let left), .cidr(let right)): left == right
        case (.format(let left), .format(let right)): left == right
        default: false
        }
    }
}
