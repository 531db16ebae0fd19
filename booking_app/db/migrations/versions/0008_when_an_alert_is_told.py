"""an alert knows from when on it is told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("tell_from", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE alert SET tell_from = opened_at")
    op.alter_column("alert", "tell_from", nullable=False)


def downgrade() -> None:
    op.drop_column("alert", "tell_from")
