import Cellgate
import HTTPTypes
import Hummingbird

/// The OpenAPI document of endpoints.
///
/// Source: https://spec.openapis.org/oas/v3.1.0
enum OpenAPI {
  static func document(_ endpoints: [Endpoint], version: String, hasKeys: Bool) -> JSONTree {
    var paths: [(path: String, members: [JSONTree.Member])] = []
    for endpoint in endpoints {
      let member = JSONTree.Member(endpoint.method.rawValue.lowercased(), operation(endpoint, hasKeys))
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
      "components": .object(
        [.init("schemas", ["Error": JSONSchema.error])]
          + (hasKeys ? [.init("securitySchemes", ["key": ["type": "http", "scheme": "bearer"]])] : [])),
    ]
  }

  private static func operation(_ endpoint: Endpoint, _ hasKeys: Bool) -> JSONTree {
    var members: [JSONTree.Member] = [
      .init("operationId", .string(endpoint.name)), .init("summary", .string(endpoint.summary)),
    ]
    var parameters: [JSONTree] = endpoint.parameters.map {
      ["name": .string($0), "in": "path", "required": true, "schema": JSONSchema.text]
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
    if hasKeys, endpoint.needsKey {
      members.append(.init("security", [["key": []]]))
      failures.append(401)
    }
    failures += [403, 429, 500, 503]
    var answer: [JSONTree.Member] = [
      .init("description", .string(endpoint.answer.text)),
      .init(
        "content",
        .object(
          endpoint.answer.types.map { type in
            let schema = type == "application/json" ? endpoint.answer.schema ?? [:] : JSONSchema.text
            return .init(type, ["schema": schema])
          })),
    ]
    if !endpoint.links.isEmpty {
      let links = endpoint.links.map { name -> JSONTree.Member in
        .init(name, ["operationId": .string(name), "parameters": ["id": "$response.body#/id"]])
      }
      answer.append(.init("links", .object(links)))
    }
    var answers: [JSONTree.Member] = [.init("\(endpoint.status.code)", .object(answer))]
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
