internal import JSON
internal import Workflows

extension HTTPCall {
    /// What the inputs of `http` may hold.
    static var schema: JSONSchema {
        var timeout = JSONSchema(.string)
            .with(\.description, "For the whole exchange. Default \(defaultTimeout).")
        asDuration(&timeout)
        var schema = JSONSchema(.object)
        schema.properties = [
            "method": JSONSchema(.string).with(\.description, "Default GET, or POST when there is a body.")
                .with(\.allowedValues, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            "url": url,
            "headers": JSONSchema(.object).with(\.additionalProperties, [SecretReference.textSchema()])
                .with(\.description, "Sent with the request, in place of what the action sends itself."),
            "bearerToken": SecretReference.textSchema("Sent as Authorization: Bearer."),
            "basicAuth": basicAuth,
            "body": SecretReference.valueSchema("A string is sent as it is, anything else as JSON."),
            "tls": tlsSchema,
            "redirects": JSONSchema(.integer).with(\.minimum, 0).with(\.maximum, 10)
                .with(
                    \.description,
                    "How many redirects are followed. Default 0: a redirect is an answer. Elsewhere go no credentials; "
                        + "POST and PATCH are not repeated on 301 and 302."
                ),
            "expect": statuses("Statuses that count as success. Default: 200 to 299."),
            "retryOn": statuses("Statuses that are tried again, besides 408, 425, 429 and 500 to 599."),
            "timeout": timeout,
            "maximumResponseBytes": JSONSchema(.integer).with(\.minimum, 1).with(\.maximum, 1_048_576)
                .with(\.description, "Of a body that becomes output. Default \(defaultMaximumResponseBytes)."),
            "output": JSONSchema(.string).with(\.allowedValues, ["body", "status", "none"])
                .with(
                    \.description,
                    "What of the answer becomes output. Default body: all of it. Otherwise the body is read, of any "
                        + "size, and thrown away."
                ),
        ]
        schema.required = ["url"]
        schema.rules = [
            JSONSchema.Rule(
                "!has(self.bearerToken) || !has(self.basicAuth)",
                message: "at most one of bearerToken and basicAuth may be given",
                holds: { $0["bearerToken"] == nil || $0["basicAuth"] == nil }
            )
        ]
        return schema
    }

    private static var url: JSONSchema {
        var url = JSONSchema(.string).with(\.description, "http:// or https://")
        url.pattern = JSONSchema.Pattern("^https?://[^ ]+$", meaning: "an http:// or https:// URL") { text in
            guard let rest = ["http://", "https://"].first(where: text.hasPrefix) else { return false }
            return text.count > rest.count && !text.contains(" ")
        }
        return url
    }

    private static func statuses(_ description: String) -> JSONSchema {
        var list = JSONSchema(.array).with(\.description, description)
        list.items = [JSONSchema(.integer).with(\.minimum, 100).with(\.maximum, 599)]
        list.minItems = 1
        return list
    }

    private static var basicAuth: JSONSchema {
        var schema = JSONSchema(.object).with(\.description, "Sent as Authorization: Basic.")
        schema.properties = [
            "username": SecretReference.textSchema(), "password": SecretReference.textSchema(),
        ]
        schema.required = ["username", "password"]
        return schema
    }

    private static var tlsSchema: JSONSchema {
        var schema = JSONSchema(.object).with(\.description, "For https. The call then has a connection of its own.")
        schema.properties = [
            "ca": SecretReference.textSchema("PEM: the authorities to trust in place of the system's."),
            "clientCertificate": SecretReference.textSchema("PEM: shown when the server asks."),
            "clientKey": SecretReference.textSchema("PEM: the key of clientCertificate."),
            "serverName": JSONSchema(.string).with(\.minLength, 1)
                .with(\.description, "The name in the server's certificate. Default: the host in the URL."),
            "insecureSkipVerify": JSONSchema(.boolean)
                .with(
                    \.description,
                    "Trusts any server: anyone on the way can read and change everything. Default false."
                ),
        ]
        schema.rules = [
            JSONSchema.Rule(
                "has(self.clientCertificate) == has(self.clientKey)",
                message: "clientCertificate and clientKey must be given together",
                holds: { ($0["clientCertificate"] == nil) == ($0["clientKey"] == nil) }
            )
        ]
        return schema
    }
}
