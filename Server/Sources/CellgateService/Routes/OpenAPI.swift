import Cellgate
import HTTPTypes
import Hummingbird

/// The OpenAPI document of endpoints.
///
/// Source: https://spec.openapis.org/oas/v3.1.0
enum OpenAPI {
  static func document(_ endpoints: [Endpoint], version: String) -> JSONTree {
    var paths: [(path: String, members: [JSONTree.Member])] = []
    for endpoint in endpoints {
      let member = JSONTree.Member(endpoint.method.rawValue.lowercased(), operation(endpoint))
      if let place = paths.firstIndex(where: { $0.path == endpoint.path }) {
        paths[place].members.append(member)
      } else {
        paths.append((endpoint.path, [member]))
      }
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Cellgate", "version": .string(version),
        "description": "Recurrent sequence models as a service. Errors have OpenAI's shape.",
      ],
      "paths": .object(paths.map { .init($0.path, .object($0.members)) }),
      "components": [
        "securitySchemes": ["key": ["type": "http", "scheme": "bearer"]],
        "schemas": ["Error": Schema.error],
      ],
    ]
  }

  private static func operation(_ endpoint: Endpoint) -> JSONTree {
    var members: [JSONTree.Member] = [
      .init("operationId", .string(endpoint.name)), .init("summary", .string(endpoint.summary)),
    ]
    var parameters: [JSONTree] = endpoint.parameters.map {
      ["name": .string($0), "in": "path", "required": true, "schema": Schema.text]
    }
    parameters += endpoint.query.map {
      ["name": .string($0.name), "in": "query", "required": false, "schema": $0.schema]
    }
    if !parameters.isEmpty { members.append(.init("parameters", .array(parameters))) }
    var failures = endpoint.failures
    if let body = endpoint.body {
      members.append(
        .init(
          "requestBody",
          ["required": true, "content": .object([.init(endpoint.bodyType, ["schema": body])])]))
      failures += [400, 413, 415]
    } else if !endpoint.query.isEmpty {
      failures.append(400)
    }
    if endpoint.needsKey {
      members.append(.init("security", [["key": []]]))
      failures += [401, 403]
    }
    failures += [429, 500, 503]
    var answers: [JSONTree.Member] = [
      .init(
        "\(endpoint.status.code)",
        [
          "description": .string(endpoint.answer.text),
          "content": .object(
            endpoint.answer.types.map { type in
              .init(
                type,
                type == "application/json" ? ["schema": endpoint.answer.schema ?? [:]] : ["schema": Schema.text])
            }),
        ])
    ]
    for code in Set(failures).sorted() {
      answers.append(
        .init(
          "\(code)",
          [
            "description": .string(HTTPResponse.Status(code: code).reasonPhrase),
            "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]],
          ]))
    }
    members.append(.init("responses", .object(answers)))
    return .object(members)
  }
}
