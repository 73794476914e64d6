"""The forms that a text of a declaration may be required to have, and how each is said."""

from __future__ import annotations

from types import MappingProxyType

from platform_assets.identifiers import NAME_PATTERN

NAME = f"^{NAME_PATTERN}$"
FUNCTION = r"^[\w.]+:\w+$"
ADDRESS = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$"
TOPIC = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
REGION = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"
ENDPOINT = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?/?$"
AGE = r"^[0-9]{1,5}[hdw]$"
#: Spark's own forms of a master.
SPARK_MASTER = (
    r"^(local(\[(\*|[1-9][0-9]*)(,[0-9]+)?\])?|local-cluster\[[0-9]+,[0-9]+,[0-9]+\]"
    r"|spark://[^/\s]+|yarn|k8s://\S+)$"
)
SPARK_MEMORY = r"^[1-9][0-9]*[kmgt]$"
EMR_APPLICATION = r"^[0-9a-z]{1,64}$"
ROLE_ARN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+$"
S3_FOLDER = r"^s3://[^/\s]+/\S*[^/\s]$"
S3_SCRIPT = r"^s3://[^/\s]+/\S+\.py$"
S3_ARCHIVE = r"^s3://[^/\s]+/\S+\.tar\.gz$"

SHARE = r"^(100|[0-9]{1,2})(\.[0-9]{1,4})?%$"
NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
EXPONENT = r"^[0-9](\.[0-9]{1,4})?$"

#: Form -> how it is said after "should be".
RULES = MappingProxyType(
    {
        NAME: "1 to 63 of a-z, 0-9 and _, beginning with a letter",
        FUNCTION: "module:function",
        ADDRESS: "an address as host:port, for example kafka-1.example.com:9092",
        TOPIC: "a name of A-Z, a-z, 0-9, -, _ and ., not beginning with a point",
        VARIABLE: "the name of an environment variable",
        REGION: "the name of an AWS region, for example eu-central-1",
        AGE: "a number of hours, days or weeks, for example 30d",
        SPARK_MASTER: "a master of Spark, for example local[2] or spark://host:7077",
        SPARK_MEMORY: "an amount of memory as Spark writes it, for example 2g",
        EMR_APPLICATION: "the id of an EMR Serverless application",
        ROLE_ARN: "the ARN of an IAM role",
        S3_FOLDER: "a folder in S3 as s3://bucket/folder",
        S3_SCRIPT: "a Python script in S3 as s3://bucket/script.py",
        S3_ARCHIVE: "an archive in S3 as s3://bucket/environment.tar.gz",
        SHARE: "a share of all, for example 0.5%",
        NUMBER: "a number",
        EXPONENT: "a number from 0 to 9.9999, with at most four decimals",
        ENDPOINT: "an address as https://host:port, without a user, a password or a path",
    }
)
