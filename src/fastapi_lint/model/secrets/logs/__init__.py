"""What is written to logs: the calls that do it, and the secrets that they show."""

from fastapi_lint.model.secrets.logs.logged import Logged, Logs, writes_log

__all__ = ["Logged", "Logs", "writes_log"]
