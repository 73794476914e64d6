"""Kafka topics as streams. The client libraries of Kafka are known to this package alone."""
