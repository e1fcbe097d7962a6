/// A class of code points: `[a-z]`, `\d`, `\p{L}`.
struct ScalarSet: Sendable {
    private enum Member: Sendable {
        case range(ClosedRange<UInt32>)
        case categories(Set<Category>)
        indirect case inverse(ScalarSet)
    }
    private typealias Category = Unicode.GeneralCategory

    private var members: [Member] = []
    /// Whether letters match in either case.
    var ignoresCase = false
    var isNegated = false

    static let digit = ScalarSet(["0"..."9"])
    static let word = ScalarSet(["0"..."9", "A"..."Z", "_"..."_", "a"..."z"])
    static let space = ScalarSet(["\t"..."\n", "\u{0C}"..."\r", " "..." "])
    static let newline = ScalarSet(["\n"..."\n"])

    init(_ ranges: [ClosedRange<Unicode.Scalar>] = []) {
        for range in ranges { insert(range) }
    }

    mutating func insert(_ range: ClosedRange<Unicode.Scalar>) {
        members.append(.range(range.lowerBound.value...range.upperBound.value))
    }

    mutating func insert(_ set: ScalarSet) { members.append(.inverse(set.inverted)) }

    var inverted: ScalarSet {
        var set = self
        set.isNegated.toggle()
        return set
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var found = includes(scalar)
        if !found, ignoresCase { found = scalar.caseVariants.contains { includes($0) } }
        return found != isNegated
    }

    private func includes(_ scalar: Unicode.Scalar) -> Bool {
        members.contains { member in
            switch member {
            case .range(let range): range.contains(scalar.value)
            case .categories(let categories): categories.contains(scalar.properties.generalCategory)
            case .inverse(let set): !set.contains(scalar)
            }
        }
    }

    /// `alpha`, `digit` and so on, as in `[[:alpha:]]`; all are ASCII. Nil for unknown names.
    init?(posix name: String) {
        switch name {
        case "alnum": self.init(["0"..."9", "A"..."Z", "a"..."z"])
        case "alpha": self.init(["A"..."Z", "a"..."z"])
        case "ascii": self.init(["\0"..."\u{7F}"])
        case "blank": self.init(["\t"..."\t", " "..." "])
        case "cntrl": self.init(["\0"..."\u{1F}", "\u{7F}"..."\u{7F}"])
        case "digit": self = .digit
        case "graph": self.init(["!"..."~"])
        case "lower": self.init(["a"..."z"])
        case "print": self.init([" "..."~"])
        case "punct": self.init(["!"..."/", ":"..."@", "["..."`", "{"..."~"])
        case "space": self.init(["\t"..."\r", " "..." "])
        case "upper": self.init(["A"..."Z"])
        case "word": self = .word
        case "xdigit": self.init(["0"..."9", "A"..."F", "a"..."f"])
        default: return nil
        }
    }

    /// A general category of Unicode, `L` or `Lu`, or a common script. Nil for unknown names.
    init?(unicode name: String) {
        if let categories = Self.categories[name] {
            self.init()
            members = [.categories(Set(categories))]
        } else if let ranges = Self.scripts[name] {
            self.init(ranges)
        } else if name == "Any" {
            self.init(["\0"..."\u{D7FF}", "\u{E000}"..."\u{10FFFF}"])
        } else {
            return nil
        }
    }

    private static let categories: [String: [Category]] = [
        "L": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter],
        "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter], "Lm": [.modifierLetter],
        "Lo": [.otherLetter],
        "M": [.nonspacingMark, .spacingMark, .enclosingMark], "Mn": [.nonspacingMark], "Mc": [.spacingMark],
        "Me": [.enclosingMark],
        "N": [.decimalNumber, .letterNumber, .otherNumber], "Nd": [.decimalNumber], "Nl": [.letterNumber],
        "No": [.otherNumber],
        "P": [
            .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation,
        ],
        "Pc": [.connectorPunctuation], "Pd": [.dashPunctuation], "Ps": [.openPunctuation], "Pe": [.closePunctuation],
        "Pi": [.initialPunctuation], "Pf": [.finalPunctuation], "Po": [.otherPunctuation],
        "S": [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol], "Sm": [.mathSymbol],
        "Sc": [.currencySymbol], "Sk": [.modifierSymbol], "So": [.otherSymbol],
        "Z": [.spaceSeparator, .lineSeparator, .paragraphSeparator], "Zs": [.spaceSeparator], "Zl": [.lineSeparator],
        "Zp": [.paragraphSeparator],
        "C": [.control, .format, .surrogate, .privateUse], "Cc": [.control], "Cf": [.format], "Co": [.privateUse],
    ]

    /// The main blocks of scripts that patterns name; what stands outside of them is rare.
    private static let scripts: [String: [ClosedRange<Unicode.Scalar>]] = [
        "Latin": [
            "A"..."Z", "a"..."z", "\u{AA}"..."\u{AA}", "\u{BA}"..."\u{BA}", "\u{C0}"..."\u{D6}", "\u{D8}"..."\u{F6}",
            "\u{F8}"..."\u{2B8}", "\u{1E00}"..."\u{1EFF}",
        ],
        "Greek": ["\u{370}"..."\u{373}", "\u{375}"..."\u{377}", "\u{37A}"..."\u{37D}", "\u{384}"..."\u{3FF}"],
        "Cyrillic": ["\u{400}"..."\u{52F}", "\u{1C80}"..."\u{1C88}", "\u{2DE0}"..."\u{2DFF}", "\u{A640}"..."\u{A69F}"],
        "Hebrew": ["\u{591}"..."\u{5F4}"],
        "Arabic": ["\u{600}"..."\u{604}", "\u{606}"..."\u{60B}", "\u{620}"..."\u{64A}", "\u{656}"..."\u{6FF}"],
        "Thai": ["\u{E01}"..."\u{E3A}", "\u{E40}"..."\u{E5B}"],
        "Hiragana": ["\u{3041}"..."\u{309F}"],
        "Katakana": ["\u{30A1}"..."\u{30FF}"],
        "Hangul": ["\u{1100}"..."\u{11FF}", "\u{3131}"..."\u{318E}", "\u{AC00}"..."\u{D7A3}"],
        "Han": ["\u{2E80}"..."\u{2FD5}", "\u{3005}"..."\u{3007}", "\u{3400}"..."\u{9FFF}", "\u{20000}"..."\u{323AF}"],
    ]
}

extension Unicode.Scalar {
    /// This letter in the other cases.
    var caseVariants: [Unicode.Scalar] {
        if isASCII {
            let isLetter = ("a"..."z").contains(self) || ("A"..."Z").contains(self)
            return isLetter ? [Unicode.Scalar(UInt8(value) ^ 0x20)] : []
        }
        return [properties.lowercaseMapping, properties.uppercaseMapping].compactMap { mapping in
            let scalars = mapping.unicodeScalars
            guard scalars.count == 1, let scalar = scalars.first, scalar != self else { return nil }
            return scalar
        }
    }
}
