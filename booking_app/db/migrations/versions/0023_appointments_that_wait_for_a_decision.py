"""find the few appointments that wait for a decision among all that ever were"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_appointment_conflict", "appointment", ["id"], postgresql_where=sa.text("conflict_kind IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_appointment_conflict", "appointment")
