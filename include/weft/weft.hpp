// SPDX-License-Identifier: MIT
// All of weft, in reading order, but for testing.hpp, which only tests need.
#pragma once

#include <weft/error.hpp>

#include <weft/task.hpp>

#include <weft/options.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>

#include <weft/as_completed.hpp>
#include <weft/context_var.hpp>
#include <weft/current_task.hpp>
#include <weft/first.hpp>
#include <weft/gather.hpp>
#include <weft/gather_limit.hpp>
#include <weft/interval.hpp>
#include <weft/result.hpp>
#include <weft/shield.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>
#include <weft/to_thread.hpp>
#include <weft/wait.hpp>
#include <weft/yield.hpp>

#include <weft/concepts.hpp>
#include <weft/random.hpp>
