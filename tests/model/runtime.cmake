# SPDX-License-Identifier: MIT
# Seeded bugs of a whole runtime, and of one whose clock is paused.
