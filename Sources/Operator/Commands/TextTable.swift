/// Rows of cells for a terminal, in columns three blanks apart.
struct TextTable: CustomStringConvertible {
    private let rows: [[String]]

    /// - Parameter rows: all of the same length.
    init(_ rows: [[String]]) { self.rows = rows }

    /// Lines without blanks at their ends.
    var description: String {
        let columns = rows.first?.indices ?? 0..<0
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for column in columns {
                line += row[column]
                if column < columns.upperBound - 1 {
                    line += String(repeating: " ", count: widths[column] - row[column].count + 3)
                }
            }
            return line
        }.joined(separator: "\n")
    }
}
