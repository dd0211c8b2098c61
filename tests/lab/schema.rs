//! The JSON Schema of the repository, to which every line that a test reads is held.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../src/report/tcpshake-1.schema.json");

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a JSON Schema");
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema that can be used")
});

/// What is wrong with a line, each fault with its place; nothing for a line as the schema has it.
pub fn schema_faults(line: &Value) -> Vec<String> {
    VALIDATOR
        .iter_errors(line)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}
