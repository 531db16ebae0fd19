"""finding the holds that expire among a million appointments"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_occupancy_expires_at",
        "occupancy",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("active AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_appointment_hold_expires_at",
        "appointment",
        ["hold_expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )


def downgrade() -> None:
    op.drop_index("ix_appointment_hold_expires_at", table_name="appointment")
    op.drop_index("ix_occupancy_expires_at", table_name="occupancy")
