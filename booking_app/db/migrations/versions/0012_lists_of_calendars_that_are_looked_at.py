"""the lists of calendars are looked at now and then, and the addresses are kept under which their owner is invited"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar", sa.Column("addresses", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("connection", sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("connection", "listed_at")
    op.drop_column("calendar", "addresses")
