// The JSON Schema of the "x-etl" object: what may stand where. What the parts must be to each other
// is checked in definition_check.cpp; docs/definitions.md explains both to people.
#include "core/definition.h"

namespace etl
{

const char *const x_etl_schema = R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "x-etl: how a dataset's files become rows",
  "type": "object",
  "required": ["dataset", "files"],
  "additionalProperties": false,
  "properties": {
    "dataset": {"$ref": "#/definitions/dataset"},
    "description": {"type": "string"},
    "files": {
      "type": "array", "minItems": 1, "uniqueItems": true,
      "items": {
        "type": "string", "minLength": 1, "maxLength": 200,
        "allOf": [
          {
            "description": "the name of a file holds neither a slash nor a control character",
            "pattern": "^[^/\\u0000-\\u001f]+$"
          },
          {
            "description": "files whose names begin with a dot are hidden: they are not looked at",
            "not": {"pattern": "^\\."}
          },
          {
            "description": "the name is that of the file without .gz; files in .tmp and .part are not finished and not looked at",
            "not": {"pattern": "\\.(gz|tmp|part)$"}
          },
          {
            "description": "files are claimed by their whole names; a pattern (* ? [ {) means nothing here",
            "not": {"pattern": "[*?\\[{]"}
          }
        ]
      }
    },
    "key": {"$ref": "#/definitions/pointer"},
    "on_repeat": {"enum": ["update", "quarantine"]},
    "assert_format": {"type": "boolean"},
    "schedule": {
      "type": "string",
      "description": "a schedule has the five fields of cron, or is @hourly, @daily, @weekly, @monthly, @yearly, @reboot or \"N seconds\"",
      "pattern": "^(@(annually|yearly|monthly|weekly|daily|hourly|midnight|reboot)|[1-5]?[0-9] seconds?|[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+)$"
    },
    "tables": {"type": "array", "items": {"$ref": "#/definitions/table"}},
    "references": {
      "type": "array",
      "items": {
        "type": "object", "required": ["field", "dataset"], "additionalProperties": false,
        "properties": {
          "field": {"$ref": "#/definitions/pointer"},
          "dataset": {"$ref": "#/definitions/dataset"}
        }
      }
    },
    "checks": {
      "type": "array",
      "items": {
        "type": "object", "required": ["name", "sum_of", "equals"], "additionalProperties": false,
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 100},
          "sum_over": {"$ref": "#/definitions/pointer"},
          "sum_of": {
            "type": "array", "minItems": 1, "items": {"$ref": "#/definitions/pointer"}
          },
          "equals": {"$ref": "#/definitions/pointer"}
        }
      }
    },
    "max_rejected": {
      "type": "object", "minProperties": 1, "additionalProperties": false,
      "properties": {
        "records": {"type": "integer", "minimum": 0, "maximum": 1000000000000000},
        "bytes": {"type": "integer", "minimum": 0, "maximum": 1000000000000000}
      }
    },
    "normalise": {
      "type": "array",
      "items": {
        "type": "object", "required": ["field", "to"], "additionalProperties": false,
        "properties": {
          "field": {"$ref": "#/definitions/pointer"},
          "to": {"enum": ["number", "run_time"]}
        }
      }
    },
    "personal": {
      "type": "array",
      "items": {
        "type": "object", "required": ["field", "treatment"], "additionalProperties": false,
        "properties": {
          "field": {"$ref": "#/definitions/pointer"},
          "treatment": {
            "enum": ["redact", "null", "token", "pseudonymize", "sha256", "generalize", "partial", "random", "keep"]
          },
          "value": {"type": "string"},
          "to": {
            "anyOf": [
              {"enum": ["month", "year", "decade", "outward", "network"]},
              {
                "type": "object", "required": ["range"], "additionalProperties": false,
                "properties": {"range": {"type": "number", "exclusiveMinimum": 0}}
              },
              {
                "type": "object", "required": ["network"], "additionalProperties": false,
                "properties": {
                  "network": {
                    "type": "object", "additionalProperties": false,
                    "properties": {
                      "ipv4": {"type": "integer", "minimum": 0, "maximum": 32},
                      "ipv6": {"type": "integer", "minimum": 0, "maximum": 128}
                    }
                  }
                }
              }
            ]
          }
        }
      }
    },
    "subject": {
      "type": "object", "required": ["field"], "additionalProperties": false,
      "properties": {
        "dataset": {"$ref": "#/definitions/dataset"},
        "field": {"$ref": "#/definitions/pointer"},
        "email": {"$ref": "#/definitions/pointer"},
        "on_erasure": {"enum": ["treat", "delete"]}
      }
    },
    "retention": {
      "type": "object", "minProperties": 1, "additionalProperties": false,
      "properties": {
        "archived": {"$ref": "#/definitions/duration"},
        "processed": {"$ref": "#/definitions/duration"},
        "quarantine": {"$ref": "#/definitions/duration"},
        "history": {"$ref": "#/definitions/duration"}
      }
    },
    "erases": {
      "type": "object", "required": ["dataset"], "additionalProperties": false,
      "anyOf": [{"required": ["subject"]}, {"required": ["email"]}],
      "properties": {
        "dataset": {"$ref": "#/definitions/dataset"},
        "subject": {"$ref": "#/definitions/pointer"},
        "email": {"$ref": "#/definitions/pointer"}
      }
    }
  },
  "definitions": {
    "dataset": {
      "description": "the name of a dataset has at most 63 lower-case letters (a to z), digits and underscores, and does not begin with a digit",
      "type": "string", "pattern": "^[a-z_][a-z0-9_]*$", "maxLength": 63
    },
    "duration": {
      "description": "a period is written as in ISO 8601 (P1Y6M, P30D) or as a number and a unit (30 days)",
      "type": "string", "minLength": 3, "maxLength": 30,
      "pattern": "^(P([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?|[0-9]{1,5} (day|week|month|year)s?)$"
    },
    "identifier": {
      "description": "the name of a schema, table or column has 1 to 63 characters",
      "type": "string", "pattern": "^[^\\u0000]+$", "maxLength": 63
    },
    "pointer": {
      "description": "a field is named by a JSON Pointer such as /id or /address/city, with ~0 for ~ and ~1 for / in a name",
      "type": "string", "pattern": "^(/([^~/]|~[01])+)+$"
    },
    "table": {
      "type": "object", "required": ["name", "columns"], "additionalProperties": false,
      "properties": {
        "schema": {"$ref": "#/definitions/identifier"},
        "name": {"$ref": "#/definitions/identifier"},
        "each": {"$ref": "#/definitions/pointer"},
        "primary_key": {
          "type": "array", "minItems": 1, "uniqueItems": true,
          "items": {"$ref": "#/definitions/identifier"}
        },
        "columns": {
          "type": "array", "minItems": 1, "maxItems": 1600,
          "items": {
            "type": "object", "required": ["name", "from"], "additionalProperties": false,
            "properties": {
              "name": {"$ref": "#/definitions/identifier"},
              "type": {"type": "string"},
              "from": {
                "description": "\"from\" is a JSON Pointer such as /id, ./field of an element, $line, $record_date, $record_hour or $run_time",
                "type": "string",
                "pattern": "^(\\$(line|record_date|record_hour|run_time)|\\.?(/([^~/]|~[01])+)+)$"
              },
              "not_null": {"type": "boolean"}
            }
          }
        }
      }
    }
  }
})json";

} // namespace etl
