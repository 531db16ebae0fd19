"""what we wrote of an event, as digests; and whether a calendar's appointments are private"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirror", sa.Column("said", JSONB(), nullable=True))
    op.add_column("calendar", sa.Column("private", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("calendar", "private")
    op.drop_column("mirror", "said")
