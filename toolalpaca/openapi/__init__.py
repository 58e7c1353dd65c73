"""Specifications and HTTP requests.

An OpenAPI document as text comes in; operations, functions with their documentation, and
requests checked against the specification go out.

documents      texts in JSON or YAML read into values
selection      a part of a large specification
swagger        Swagger 2.0 as OpenAPI 3.0
mending        what published documents get wrong, put right
spec           documents as operations: references, parameters, schemas
validation     out of a reply, validated, turned into functions
documentation  functions and their natural-language documentation
jsonschemas    small operations on JSON Schemas
formats        formats of texts and numbers
regexes        which patterns of other people may be run
arguments      values against schemas: coercion, the first mistake
request        arguments to an HTTP request
encoding       values as texts of a request
inbound        an HTTP request as a server reads it
decoding       texts of a request as values
verbs          verbs that change something
telling        whether a specification says what its operations do
"""
