"""Where bookings come from, what waits for a mailed confirmation, and from how many on it is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("booking", sa.Column("mailbox", sa.String(), nullable=False, server_default=""))
    op.add_column("booking", sa.Column("source", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE booking SET mailbox = regexp_replace(lower(trim(email)), '(?<=.)[+][^@]*@', '@')")
    op.create_index("ix_booking_mailbox", "booking", ["mailbox"])
    op.create_index("ix_booking_created_at", "booking", ["created_at"])
    op.create_table(
        "unconfirmed",
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointment.id"], name="fk_unconfirmed_appointment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("appointment_id", name="pk_unconfirmed"),
        sa.UniqueConstraint("token_hash", name="uq_unconfirmed_token_hash"),
        sa.UniqueConstraint("key", name="uq_unconfirmed_key"),
    )
    op.create_table(
        "known_mailbox",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_known_mailbox"),
    )
    policy = op.create_table(
        "booking_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("confirm_after", sa.Integer(), nullable=True),
        sa.Column("most_upcoming", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_booking_policy_single")),
        sa.PrimaryKeyConstraint("id", name="pk_booking_policy"),
    )
    op.bulk_insert(policy, [{"id": 1, "confirm_after": 3, "most_upcoming": 20}])


def downgrade() -> None:
    op.drop_table("booking_policy")
    op.drop_table("known_mailbox")
    op.drop_table("unconfirmed")
    op.drop_index("ix_booking_created_at", table_name="booking")
    op.drop_index("ix_booking_mailbox", table_name="booking")
    op.drop_column("booking", "source")
    op.drop_column("booking", "mailbox")
