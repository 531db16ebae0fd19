"""which questions about an appointment wait for a decision, and what was accepted without a last look"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appointment", sa.Column("conflict_kind", sa.String(), nullable=True))
    op.execute("UPDATE appointment SET conflict_kind = 'moved' WHERE conflict IS NOT NULL")
    op.add_column("appointment", sa.Column("conflict_by", sa.BigInteger(), nullable=True))
    op.add_column("appointment", sa.Column("conflict_start", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appointment", sa.Column("conflict_end", sa.DateTime(timezone=True), nullable=True))
    op.add_column("occupancy", sa.Column("unlooked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_occupancy_unlooked_at",
        "occupancy",
        ["unlooked_at"],
        postgresql_where=sa.text("unlooked_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_occupancy_unlooked_at", "occupancy")
    op.drop_column("occupancy", "unlooked_at")
    for name in ("conflict_end", "conflict_start", "conflict_by", "conflict_kind"):
        op.drop_column("appointment", name)
