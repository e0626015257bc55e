// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
