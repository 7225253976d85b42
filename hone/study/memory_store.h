#pragma once

#include <functional>
#include <memory>

#include "hone/study/store.h"

namespace hone::study {

/// A journal in memory by a clock of one's own (seconds; leases and the events' times go by it; where it
/// falls, time stands still). Called under the store's lock: it must not use the store.
std::shared_ptr<Store> memory_store(std::function<double()> clock);

}  // namespace hone::study
