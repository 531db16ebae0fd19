"""what the engine remembers of full reads and begun writes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar", sa.Column("full_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("mirror", sa.Column("intended_start", sa.DateTime(timezone=True), nullable=True))
    op.add_column("mirror", sa.Column("intended_end", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("mirror", "intended_end")
    op.drop_column("mirror", "intended_start")
    op.drop_column("calendar", "full_at")
