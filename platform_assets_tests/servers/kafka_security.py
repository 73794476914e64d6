"""A broker that asks who is there: SASL and TLS listeners, users, and an authoriser with ACLs.

Whoever connects to ``PLAINTEXT`` is a super user, so that tests can prepare things. Besides:

- ``SASL_PLAINTEXT``, ``SASL_SSL``: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (unsecured tokens);
- ``SSL``: a client certificate of the test authority; its CN is the user.

``admin`` may do everything. ``reader`` and ``stranger`` may do what a test allows, at first nothing.
Passwords and keys are made for each cluster; nothing here is worth keeping secret.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from platform_assets_tests.servers.certificates import CertificateAuthority
from platform_assets_tests.servers.processes import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
USERS = ("admin", "reader", "stranger")
_MODULES = "org.apache.kafka.common.security"
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_SECONDS = 30


class KafkaSecurity:
    """What a secured cluster asks for. Files appear when the cluster starts.

    Attributes:
        passwords: of each user.
        authority: which issued the brokers' certificate, and issues the clients'.
    """

    authority: CertificateAuthority

    def __init__(self) -> None:
        self.passwords = {user: secrets.token_urlsafe(12) for user in USERS}

    def prepare(self, folder: Path) -> dict[str, str]:
        """Make certificates and return the brokers' settings."""
        self.authority = CertificateAuthority(folder)
        server = self.authority.issue("broker")
        settings = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(server.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "listener.name.ssl.ssl.client.auth": "required",
        }
        for listener in ("sasl_plaintext", "sasl_ssl"):
            prefix = f"listener.name.{listener}"
            mechanisms = ["PLAIN", *_SCRAM, "OAUTHBEARER"]
            settings[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(mechanisms)
            for mechanism in mechanisms:
                name = f"{prefix}.{mechanism.lower()}.sasl.jaas.config"
                settings[name] = self._login_module(mechanism)
        return settings

    def format_arguments(self) -> list[str]:
        """Return the arguments of the storage tool that create the SCRAM users."""
        return [
            argument
            for mechanism in _SCRAM
            for user, password in self.passwords.items()
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]

    def _login_module(self, mechanism: str) -> str:
        if mechanism == "PLAIN":
            users = [f'user_{user}="{password}"' for user, password in self.passwords.items()]
            return f"{_MODULES}.plain.PlainLoginModule required {' '.join(users)};"
        if mechanism == "OAUTHBEARER":
            return f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;"
        return f"{_MODULES}.scram.ScramLoginModule required;"


def allow(bootstrap: Sequence[str], user: str, topic: str, *operations: AclOperation) -> None:
    """Allow a user something on a topic and wait until the broker knows it."""
    admin = AdminClient({"bootstrap.servers": ",".join(bootstrap)})
    wanted = [
        AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]
    for done in admin.create_acls(wanted).values():
        done.result(_SECONDS)
    found = AclBindingFilter(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    deadline = time.monotonic() + _SECONDS
    while not set(operations) <= {acl.operation for acl in admin.describe_acls(found).result()}:
        if time.monotonic() > deadline:
            raise ServerFailed(f"the broker does not know yet what {user} may do with {topic}")
        time.sleep(0.05)
