"""Secrets by the token detectors of `detect-secrets`, by their shape alone: none is tried out anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from labeling.quality.personal.port import Hit, without_overlap

# Module of the plugin, its class, and our words. Those that go by entropy or by the name of a variable find too much
# in prose, and those that find public addresses are rules of ours.
PLUGINS = (
    ("private_key", "PrivateKeyDetector", "private key"),
    ("aws", "AWSKeyDetector", "AWS access key"),
    ("azure_storage_key", "AzureStorageKeyDetector", "Azure storage key"),
    ("artifactory", "ArtifactoryDetector", "Artifactory credentials"),
    ("basic_auth", "BasicAuthDetector", "password in an address"),
    ("discord", "DiscordBotTokenDetector", "Discord bot token"),
    ("github_token", "GitHubTokenDetector", "GitHub token"),
    ("gitlab_token", "GitLabTokenDetector", "GitLab token"),
    ("jwt", "JwtTokenDetector", "JSON web token"),
    ("mailchimp", "MailchimpDetector", "Mailchimp key"),
    ("npm", "NpmDetector", "npm token"),
    ("openai", "OpenAIDetector", "OpenAI key"),
    ("pypi_token", "PypiTokenDetector", "PyPI token"),
    ("sendgrid", "SendGridDetector", "SendGrid key"),
    ("slack", "SlackDetector", "Slack token"),
    ("square_oauth", "SquareOAuthDetector", "Square token"),
    ("stripe", "StripeDetector", "Stripe key"),
    ("telegram_token", "TelegramBotTokenDetector", "Telegram bot token"),
    ("twilio", "TwilioKeyDetector", "Twilio key"),
)
LABELS = {f"secret_{module}": label for module, _, label in PLUGINS}


def find_secrets(text: str) -> list[Hit]:
    """Secrets in `text`, in its order, no two on the same characters."""
    return without_overlap(hit for kind, plugin in _plugins() for hit in _found(plugin, kind, text))


def _found(plugin: Any, kind: str, text: str) -> Iterator[Hit]:
    """Where each string lies that the plugin names; it names no places itself."""
    for secret in dict.fromkeys(plugin.analyze_string(text)):
        start = text.find(secret) if secret else -1
        if start >= 0:
            yield Hit(start, start + len(secret), kind)


@cache
def _plugins() -> list[tuple[str, Any]]:
    """Made once: importing them takes a quarter of a second."""
    folder = "detect_secrets.plugins"
    return [(f"secret_{module}", getattr(import_module(f"{folder}.{module}"), name)()) for module, name, _ in PLUGINS]
