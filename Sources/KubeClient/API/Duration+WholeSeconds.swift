extension Duration {
    /// Rounded up, since zero often means something else to a server than very little.
    var wholeSeconds: Int64 { components.attoseconds > 0 ? components.seconds + 1 : components.seconds }
}
