"""Whose a hold is: of which visitor, from which address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appointment", sa.Column("source", sa.LargeBinary(), nullable=True))
    op.add_column("appointment", sa.Column("visitor", sa.LargeBinary(), nullable=True))
    held = sa.text("state = 'held'")
    op.create_index("ix_appointment_source", "appointment", ["source"], postgresql_where=held)


def downgrade() -> None:
    op.drop_index("ix_appointment_source", table_name="appointment")
    op.drop_column("appointment", "visitor")
    op.drop_column("appointment", "source")
