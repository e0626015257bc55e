// SPDX-License-Identifier: MIT
// Included before all that a model is made of: whoever executes the processor's pause instruction, as oneTBB's locks do, spins, as if
// by WEFT_SPIN_PAUSE(). CMakeLists.txt gives that instruction's name to this function.
#pragma once

extern "C" void weft_model_pause();
