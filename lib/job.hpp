// SPDX-License-Identifier: MIT
// What the scheduler moves around.
#pragma once

#include <coroutine>

namespace weft::detail {

// A suspended coroutine that is ready to go on: one pointer, nothing allocated to schedule it. Null: none.
using job = std::coroutine_handle<>;

// A place for one pointer inside a job, free while the job stands in no other queue. What the queues ask of the layer of tasks,
// which stands above them (lib/task_core.cpp).
[[nodiscard]] void*& spare_link(job queued) noexcept;
void drop_spare_link(job queued) noexcept;  // it has left that queue

}  // namespace weft::detail
