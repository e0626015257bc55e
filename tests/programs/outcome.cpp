// SPDX-License-Identifier: MIT
#include "programs/outcome.hpp"

#include <weft/error.hpp>

namespace weft::test {

code code_of(std::exception_ptr const& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (failure const& known) {
        return known.id;
    } catch (oddity const& known) {
        return known.id;
    } catch (cancelled const&) {
        return code_cancelled;
    } catch (timeout_error const&) {
        return code_timeout;
    } catch (exception_group const& several) {
        code sum = code_group;
        for (std::exception_ptr const& each : several) sum = add_to_group(sum, code_of(each));
        return sum;
    } catch (...) {
        return code_unknown;
    }
}

}  // namespace weft::test
