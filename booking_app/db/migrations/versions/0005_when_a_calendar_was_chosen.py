"""when a calendar was chosen, so that one that never could be read is noticed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar", sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE calendar SET chosen_at = now() WHERE blocks OR target")


def downgrade() -> None:
    op.drop_column("calendar", "chosen_at")
