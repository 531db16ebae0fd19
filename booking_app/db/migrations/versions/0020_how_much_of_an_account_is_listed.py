"""an account with more calendars than can be listed says how many; names are as long as they are shown"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connection", sa.Column("unlisted", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE calendar SET name = left(name, 80) WHERE length(name) > 80")


def downgrade() -> None:
    op.drop_column("connection", "unlisted")
