"""Mistakes in where records come from: addresses, credentials, starts, announcements."""

from __future__ import annotations

from platform_assets_tests.declarations.mistaken_shop import PLACED, Mistake

SOURCE = "source: {kind: file_log, path: data/shop}"
KAFKA = "source: {kind: kafka, bootstrap: [broker:9092]"
SASL = KAFKA + ",\n    sasl: {mechanism: PLAIN, username: {env: KAFKA_USER}, "
TLS = KAFKA + ",\n    tls: "
KINESIS = "source: {kind: kinesis, region: eu-central-1"

#: Stands where a secret was written out. No message may hold it.
WRITTEN_OUT = "correct-horse-battery"


def _source(name: str, after: str, at: str, says: str) -> Mistake:
    return Mistake(name, SOURCE, after, at, says)


def _start(name: str, source: str, start: str, at: str, says: str) -> Mistake:
    """Return a mistake in a start of the stream of orders, which has a source of its own."""
    declared = f"{PLACED}\n      {source}}}\n      start: {start}"
    return Mistake(name, PLACED, declared, at, says)


def _announce(name: str, announce: str, at: str, says: str) -> Mistake:
    return Mistake(name, SOURCE, f"{SOURCE}\n  announce: {announce}", at, says)


_LOG = "source: {kind: file_log, path: data/other"

OF_ADDRESSES = [
    _source(
        "unknown_kind",
        "source: {kind: kafak, bootstrap: [broker:9092]}",
        "kafak",
        "'kafak' is no kind of source; did you mean kafka?",
    ),
    _source(
        "kind_like_no_other",
        "source: {kind: s3, path: x}",
        "kind: s3",
        "there are file_log, kafka, kinesis",
    ),
    _source("no_kind", "source: {path: data/shop}", "path: data", "source.kind is missing"),
    _source("kind_alone", "source: kafka", "source: kafka", "mapping with keys of bootstrap,"),
    _source("no_bootstrap", "source: {kind: kafka}", "kind: kafka", "bootstrap is missing"),
    _source("empty_bootstrap", "source: {kind: kafka, bootstrap: []}", "kafka", "is empty"),
    _source(
        "one_address_without_brackets",
        "source: {kind: kafka, bootstrap: broker:9092}",
        "broker",
        "should be a list, as [one, two], found 'broker:9092'",
    ),
    _source(
        "address_without_port",
        "source: {kind: kafka, bootstrap: [one:9092,\n    broker]}",
        "    broker]",
        "bootstrap[1] should be an address as host:port",
    ),
    _source(
        "port_beyond_all_ports",
        "source: {kind: kafka, bootstrap: [broker:90920]}",
        "broker:90920",
        "port 90920",
    ),
    _source(
        "address_with_a_scheme",
        "source: {kind: kafka, bootstrap: ['http://broker:9092']}",
        "broker",
        "host:port",
    ),
    _source("key_of_another_kind", KAFKA + ", path: x}", "path: x", "is no known key; known here"),
    _source("misspelt_key", KAFKA + ",\n    timeout: 9}", "timeout:", "mean timeout_seconds?"),
    _source("no_patience", KAFKA + ", timeout_seconds: 0}", "timeout_seconds", "greater than 0"),
    _source("hardly_any_memory", KAFKA + ", fetch_memory: 1KiB}", "1KiB", "equal to 1048576"),
    _source("no_region", "source: {kind: kinesis}", "kind: kinesis", "region is missing"),
    _source(
        "region_of_no_such_form",
        "source: {kind: kinesis, region: Frankfurt}",
        "Frankfurt",
        "the name of an AWS region",
    ),
    _source(
        "endpoint_with_a_password",
        KINESIS + f",\n    endpoint: 'https://me:{WRITTEN_OUT}@kinesis:443'}}",
        "endpoint:",
        "without a user, a password or a path",
    ),
    Mistake(
        "topic_that_climbs", "    changes:\n", "    changes:\n      topic: ../x\n", "../x", "A-Z"
    ),
    Mistake(
        "one_topic_at_two_addresses_of_a_cluster",
        "    changes:\n",
        "    sales:\n"
        "      topic: orders\n"
        "      source: {kind: kafka, bootstrap: [one:9092], timeout_seconds: 5}\n"
        "      events:\n"
        "        sold: {contract: shop/order.json, id: order_id}\n"
        "    changes:\n"
        "      topic: orders\n"
        "      source: {kind: kafka, bootstrap: [two:9092, ONE:9092]}\n",
        "    changes:",
        "same topic of the same source as stream sales",
    ),
    Mistake(
        "one_log_by_two_paths",
        "    changes:\n",
        "    changes:\n      topic: orders\n      source: {kind: file_log, path: ./data/x/../shop}\n",
        "    changes:",
        "same topic of the same source as stream orders",
    ),
]

OF_CREDENTIALS = [
    _source(
        "password_written_out",
        SASL + f"\n      password: {WRITTEN_OUT}}}}}",
        "password:",
        "no secret is written in YAML",
    ),
    _source(
        "password_of_a_key_written_out",
        TLS + f"{{certificate_file: c.pem, key_file: k.pem,\n      key_password: {WRITTEN_OUT}}}}}",
        "key_password",
        "{env: VARIABLE} or {file: PATH}",
    ),
    _source(
        "password_in_the_place_of_a_variable",
        SASL + f"\n      password: {{env: {WRITTEN_OUT}}}}}}}",
        "      password",
        "should be the name of an environment variable",
    ),
    _source(
        "all_of_sasl_in_one_text",
        KAFKA + f",\n    sasl: PLAIN me {WRITTEN_OUT}}}",
        "sasl",
        "mapping with keys of mechanism,",
    ),
    _source(
        "password_at_two_places",
        SASL + "\n      password: {env: KAFKA_PASSWORD, file: keys/password}}}",
        "      password",
        "exactly one of `env` and `file`",
    ),
    _source(
        "password_nowhere", SASL + "\n      password: {}}}", "      password", "exactly one of"
    ),
    _source("no_password", SASL + "}}", "sasl:", "PLAIN needs password"),
    _source(
        "region_for_a_password",
        SASL + "password: {env: KAFKA_PASSWORD}, region: eu-central-1}}",
        "sasl:",
        "PLAIN takes no region",
    ),
    _source(
        "token_without_its_mechanism",
        KAFKA + ",\n    sasl: {mechanism: SCRAM-SHA-512, token: {env: TOKEN}}}",
        "sasl:",
        "SCRAM-SHA-512 needs username, password and takes no token",
    ),
    _source(
        "mechanism_in_small_letters",
        KAFKA + ",\n    sasl: {mechanism: scram-sha-256, token: {env: TOKEN}}}",
        "scram-sha",
        "did you mean SCRAM-SHA-256?",
    ),
    _source(
        "iam_without_tls",
        KAFKA + ",\n    sasl: {mechanism: AWS_MSK_IAM, region: eu-central-1}}",
        "kind: kafka",
        "AWS_MSK_IAM speaks over TLS only",
    ),
    _source("tls_of_nothing", TLS + "}", "kind: kafka", "`tls: {}`"),
    _source("sasl_of_nothing", KAFKA + ",\n    sasl: }", "kind: kafka", "sasl"),
    _source("tls_by_a_yes", TLS + "true}", "tls:", "mapping with keys of ca_file,"),
    _source("misspelt_key_of_tls", TLS + "{cafile: ca.pem}}", "cafile", "did you mean ca_file?"),
    _source("certificate_without_a_key", TLS + "{certificate_file: c.pem}}", "tls:", "go together"),
    _source(
        "password_without_a_key",
        TLS + "{key_password: {env: KEY_PASSWORD}}}",
        "tls:",
        "no `key_file`",
    ),
]

OF_STARTS = [
    _start("moment_without_a_zone", KAFKA, "2026-01-31T06:00:00", "start:", "06:00:00Z; found"),
    _start("quoted_without_a_zone", KAFKA, "'2026-01-31T06:00:00'", "start:", "name its zone"),
    _start("a_day", KAFKA, "2026-01-31", "start:", "as 2026-01-31T00:00:00Z"),
    _start("no_such_day", KAFKA, "2026-02-30T06:00:00Z", "start:", "day is out of range"),
    _start("seconds_since_1970", KAFKA, "1767225600", "start:", "a moment as 2026-01-31"),
    _start("quoted_seconds", KAFKA, "'1767225600'", "start:", "a position for each partition"),
    _start("moment_of_a_file_log", _LOG, "2026-01-31T06:00:00Z", "start:", "when its records came"),
    _start("yes", KAFKA, "yes", "start:", "'earliest', 'latest'"),
    _start("no_partition", KAFKA, "{}", "start:", "names no partition"),
    _start("shard_of_a_topic", KAFKA, "{shardId-000000000000: 5}", "shardId", "are numbers"),
    _start("offset_below_0", KAFKA, "{'0': -1}", "start:", "start.0 should be an offset"),
    _start("offset_beyond_all", KAFKA, "{'0': 9223372036854775808}", "start:", "an offset"),
    _start("offset_in_words", _LOG, "{'0': latest}", "start:", "found 'latest'"),
    _start("half_an_offset", KAFKA, "{'0': 0.5}", "start:", "partition 0 a number, found 0.5"),
    _start("partition_of_a_stream", KINESIS, "{'0': '49'}", "start:", "as shardId-000000000000"),
    _start("no_digits", KINESIS, "{shardId-000000000000: at}", "shardId", "a sequence number"),
]

OF_ANNOUNCEMENTS = [
    _announce(
        "announced_into_its_own_stream",
        "{source: {kind: file_log, path: data/shop/}, topic: orders}",
        "announce:",
        "is what stream orders reads",
    ),
    _announce("announced_nowhere", "{topic: ready}", "announce:", "announce.source is missing"),
    _announce(
        "announced_to_no_topic",
        "{source: {kind: kafka, bootstrap: [broker:9092]}}",
        "announce:",
        "announce.topic is missing",
    ),
    _announce(
        "announced_to_an_unknown_kind",
        "{source: {kind: kafkaa, bootstrap: [b:9092]}, topic: t}",
        "announce:",
        "did you mean kafka?",
    ),
]

OF_SOURCES = [*OF_ADDRESSES, *OF_CREDENTIALS, *OF_STARTS, *OF_ANNOUNCEMENTS]
