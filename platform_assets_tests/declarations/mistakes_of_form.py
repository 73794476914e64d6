"""Mistakes in how a declaration is written: YAML, keys, types and values."""

from __future__ import annotations

from platform_assets_tests.declarations.mistaken_shop import PLACED, RANGE, READS, Mistake

OF_FORM = [
    Mistake("unknown_key", "max_records: 1000", "max_record: 1000", "max_record:", "max_records?"),
    Mistake(
        "unknown_key_of_a_check",
        "columns: [customer]}",
        "colums: [customer]}",
        "colums",
        "columns?",
    ),
    Mistake(
        "unknown_key_beside_attributes", "attributes:", "atributes:", "atributes", "attributes?"
    ),
    Mistake("wrong_type", "max_records: 1000", "max_records: many", "max_records", "found 'many'"),
    Mistake(
        "yes_where_a_number_belongs",
        "max_records: 1000",
        "max_records: yes",
        "max_records",
        "found true",
    ),
    Mistake(
        "window_of_nothing", "max_records: 1000", "max_records: 0", "max_records", "greater than 0"
    ),
    Mistake(
        "number_beyond_what_a_record_keeps",
        READS,
        READS + "\n      parameters: {most: 9007199254740993}",
        "parameters",
        "beyond 9007199254740991",
    ),
    Mistake(
        "window_beyond_what_a_record_keeps",
        "max_records: 1000",
        "max_records: 1000000000000000000",
        "max_records",
        "beyond 9007199254740991",
    ),
    Mistake(
        "window_of_no_size", "max_records: 1000", "max_bytes: huge", "max_bytes", "window.max_bytes"
    ),
    Mistake(
        "missing_key", "      key: [customer]\n", "", "    turnover:", "turnover.key is missing"
    ),
    Mistake(
        "missing_type", "type: platform_assets.orchestration.FeedComponent\n", "", "", "no type"
    ),
    Mistake("misspelt_type", "FeedComponent", "FedComponent", "type:", "FedComponent"),
    Mistake(
        "key_twice", "  dedupe: {horizon_runs: 3}", "  window: {}", "  window: {}", "'window' again"
    ),
    Mistake("unknown_check", "check: sorted", "check: sortd", "sortd", "did you mean sorted?"),
    Mistake(
        "check_without_kind",
        "{check: sorted}",
        "{name: sorted}",
        "{name: sorted}",
        "check is missing",
    ),
    Mistake(
        "range_without_limits",
        RANGE,
        "{check: range, column: cents}",
        "{check: range, column: cents}",
        "min, max or both",
    ),
    Mistake(
        "range_upside_down",
        RANGE,
        "{check: range, column: cents, min: 9, max: 1}",
        "min: 9",
        "min 9 above max 1",
    ),
    Mistake(
        "no_checks",
        "checks:\n        - {check: schema}\n        - {check: not_null, columns: [order_id]}",
        "checks: []",
        "checks: []",
        "is empty",
    ),
    Mistake(
        "when_is_no_mapping",
        "when: {kind: cancelled}",
        "when: [kind]",
        "when: [kind]",
        "found a list of 1",
    ),
    Mistake("name_with_capitals", "feed: shop", "feed: Shop", "feed: Shop", "a-z, 0-9 and _"),
    Mistake(
        "name_that_climbs", "    turnover:", "    ../turnover:", "../turnover", "a-z, 0-9 and _"
    ),
    Mistake(
        "function_without_a_module",
        "shop_functions:turnover",
        "turnover",
        "function: turnover",
        "module:function",
    ),
    Mistake(
        "start_that_is_no_place",
        PLACED,
        PLACED + "\n      start: first",
        "start: first",
        "'earliest'",
    ),
    Mistake(
        "partition_without_quotes",
        PLACED,
        PLACED + "\n      start: {0: 5}",
        "start:",
        "write it in quotes",
    ),
    Mistake(
        "parameter_of_no_type",
        READS,
        READS + "\n      parameters: {rate: 0.5}",
        "rate",
        "found 0.5",
    ),
    Mistake("tab", "  feed: shop", "\tfeed: shop", "feed: shop", "'\\t'"),
    Mistake("indent", "  feed: shop", "   feed: shop", "description", "block"),
    Mistake("colon_in_a_sentence", "A small shop.", "A shop: small.", "A shop", "mapping values"),
    Mistake("two_documents", "attributes:", "---\nattributes:", "---", "another document"),
    Mistake(
        "unclosed_bracket",
        "sort: [customer, at]",
        "sort: [customer, at",
        "part_rows: 40",
        "expected",
    ),
]
