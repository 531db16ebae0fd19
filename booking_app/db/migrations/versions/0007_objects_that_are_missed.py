"""objects that a read did not show are found without looking through all of them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_calendar_object_missing",
        "calendar_object",
        ["calendar_id"],
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_calendar_object_missing", table_name="calendar_object")
