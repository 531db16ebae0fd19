"""the latest time that a process has seen tells the next one whether the clock was set back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "time_seen",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("latest", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_time_seen"),
    )


def downgrade() -> None:
    op.drop_table("time_seen")
