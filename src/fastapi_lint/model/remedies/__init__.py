"""What can be done about a call that blocks: decided once, for the message and the fix alike. Judges nothing.

Stands right of the project, of which it asks nearly everything.
"""

from __future__ import annotations

from fastapi_lint.model.remedies.remedies import Remedies, Remedy, remedies

__all__ = ["Remedies", "Remedy", "remedies"]
