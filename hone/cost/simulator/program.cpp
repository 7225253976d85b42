#include "hone/cost/simulator/program.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hone/base/error.h"
#include "hone/base/mix.h"
#include "hone/cost/simulator/program_builder.h"

namespace hone::cost::simulator {
namespace {

constexpr int kDeep = 16;  // values handed on through what is no instruction
constexpr std::uint64_t kPage = 4096;
constexpr double kUnknownSize = 64.0;

bool same_place(const mlir::Nest::Access& a, const mlir::Nest::Access& b) {
  return a.buffer == b.buffer && mlir::exact(a) && mlir::exact(b) &&
         std::equal(a.indices.begin(), a.indices.end(), b.indices.begin(), b.indices.end(),
                    [](const mlir::Nest::Index& x, const mlir::Nest::Index& y) {
                      return x.moves_like(y) && x.constant == y.constant;
                    });
}

}  // namespace

bool ProgramBuilder::executes(const Nest::Step& step) {
  return !step.address && step.work != mlir::Work::none && step.work != mlir::Work::control;
}

void ProgramBuilder::place_buffers() {
  bases_.resize(nest_.buffers.size());
  sizes_.resize(nest_.buffers.size());
  std::uint64_t at = 16 * kPage;
  for (std::size_t i = 0; i < nest_.buffers.size(); ++i) {
    const Nest::Buffer& buffer = nest_.buffers[i];
    if (buffer.root >= 0 && static_cast<std::size_t>(buffer.root) < i) {
      bases_[i] = bases_[static_cast<std::size_t>(buffer.root)];
      sizes_[i] = sizes_[static_cast<std::size_t>(buffer.root)];
      continue;
    }
    bases_[i] = at;
    sizes_[i] = std::clamp(buffer.bytes, 1.0, 1e12);
    at += (static_cast<std::uint64_t>(sizes_[i]) / kPage + 2) * kPage;
  }
  std::set<int> touched;
  for (const Nest::Access& access : nest_.accesses)
    if (access.buffer >= 0) {
      const int root = nest_.buffers[static_cast<std::size_t>(access.buffer)].root;
      touched.insert(root >= 0 ? root : access.buffer);
    }
  for (const int buffer : touched)
    program_.buffers_.push_back(
        {bases_[static_cast<std::size_t>(buffer)],
         static_cast<std::uint64_t>(std::ceil(sizes_[static_cast<std::size_t>(buffer)]))});
}

Program::Sum ProgramBuilder::sum_of(const Nest::Index& index) {
  return {index.constant, {index.terms.begin(), index.terms.end()}};
}

void ProgramBuilder::make_nodes() {
  program_.nodes_.resize(nest_.loops.size() + 1);
  orders_.assign(nest_.loops.size(), {std::numeric_limits<int>::max(), -1});
  const auto note = [&](int at, int order) {
    for (; at >= 0; at = loop(at).parent) {
      auto& [first, last] = orders_[static_cast<std::size_t>(at)];
      first = std::min(first, order), last = std::max(last, order);
    }
  };
  for (const Nest::Step& step : nest_.steps) note(step.loop, step.order);
  for (const Nest::Access& access : nest_.accesses) note(access.loop, access.order);
  for (const Nest::Flow& flow : nest_.flows)
    if (!flow.ended) note(flow.loop, flow.order);
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    const auto id = static_cast<int>(i);
    const Nest::Loop& one = nest_.loops[i];
    const mlir::Lowered::Body& body = lowered_.body(id);
    Program::Node& made = node(id);
    made.left = body.left;
    made.whole = body.whole;
    made.trips = std::max(0.0, one.trips);
    made.most = std::max(std::round(one.most), made.trips);
    made.fixed = one.fixed;
    // The mean lies in the middle where the length changes evenly.
    made.least = one.fixed ? made.trips : std::max(0.0, 2.0 * made.trips - made.most);
    made.shrinks = one.shifted;
    for (const Nest::Index& begin : one.begins) made.begins.push_back(sum_of(begin));
    for (const Nest::Index& end : one.ends) made.ends.push_back(sum_of(end));
    made.step = std::max(1.0, one.step);
    for (const int by : one.bounded_by)
      if (by >= 0) made.bounded_by = std::max(made.bounded_by, by);
    if (made.bounded_by >= 0) made.parent_trips = std::max(1.0, loop(made.bounded_by).most);
    if (body.left) {
      made.lanes = std::max(1.0, body.lanes);
      made.interleave = std::clamp(std::floor(body.interleave), 1.0, static_cast<double>(Program::kCopies));
      made.unrolled = std::max(1.0, body.unrolled);
      made.masked = body.masked;
    }
    made.counter = program_.registers_++;
    made.place = static_cast<std::uint32_t>(i + 1) * Program::kPlaces * 4;
  }
}

/// Values that no item gives: equal ones that an item gives, or what they come from.
void ProgramBuilder::equal_values() {
  for (std::size_t i = 0; i < lowered_.items.size(); ++i) {
    const mlir::Lowered::Item& item = lowered_.items[i];
    const int value = item.step >= 0 ? nest_.steps[static_cast<std::size_t>(item.step)].value
                                     : nest_.accesses[static_cast<std::size_t>(item.access)].value;
    if (item.step >= 0 && !executes(nest_.steps[static_cast<std::size_t>(item.step)])) continue;
    if (item.access >= 0 && nest_.accesses[static_cast<std::size_t>(item.access)].store) continue;
    if (value != Nest::kNoValue) items_.try_emplace(value, static_cast<int>(i));
  }
  for (const Nest::Flow& flow : nest_.flows)
    for (std::size_t k = 0; k < flow.values.size(); ++k) {
      std::vector<int>& from = from_[flow.values[k]];
      if (flow.uses.size() == flow.values.size())
        from.push_back(flow.uses[k]);
      else
        from.insert(from.end(), flow.uses.begin(), flow.uses.end());
    }
  for (const Nest::Loop& one : nest_.loops)
    for (const int value : one.carried) from_.erase(value);  // a register of its own, below
  std::map<std::pair<std::uint64_t, std::vector<int>>, int> known;
  const auto same = [&](int value) {
    const auto found = equal_.find(value);
    return found == equal_.end() ? value : found->second;
  };
  for (const Nest::Step& step : nest_.steps) {
    if (step.value == Nest::kNoValue) continue;
    if (!items_.contains(step.value))
      from_[step.value].insert(from_[step.value].end(), step.uses.begin(), step.uses.end());
    if (step.code == 0) continue;
    std::vector<int> uses;
    for (const int value : step.uses) uses.push_back(same(value));
    const auto [found, fresh] = known.try_emplace({step.code, uses}, step.value);
    if (!fresh && !items_.contains(step.value) && items_.contains(found->second))
      equal_[step.value] = found->second;
    if (!fresh && items_.contains(step.value)) found->second = step.value;
  }
  // A load that is gone: what was stored there last, or loaded.
  constexpr std::size_t kBack = 64;
  std::vector<const Nest::Access*> before;
  for (const Nest::Access& access : nest_.accesses) {
    if (!access.store && access.value != Nest::kNoValue && !items_.contains(access.value)) {
      const std::size_t last = before.size() > kBack ? before.size() - kBack : 0;
      for (std::size_t i = before.size(); i-- > last;) {
        if (!same_place(*before[i], access)) continue;
        const int given = before[i]->store ? (before[i]->uses.empty() ? Nest::kNoValue : before[i]->uses[0])
                                           : before[i]->value;
        if (given != Nest::kNoValue && given != access.value) from_[access.value] = {given};
        break;
      }
    }
    before.push_back(&access);
  }
}

int ProgramBuilder::register_of(int value) {
  const auto [found, fresh] = registers_.try_emplace(value, program_.registers_);
  if (fresh) ++program_.registers_;
  return found->second;
}

int ProgramBuilder::interleaved_in(int home) const {
  if (home < 0) return -1;
  const mlir::Lowered::Body& body = lowered_.body(home);
  return body.left && body.innermost && (body.lanes > 1.0 || body.interleave > 1.0) ? home : -1;
}

void ProgramBuilder::sources_of(int value, int in_loop, std::vector<std::pair<int, bool>>& out, int depth) {
  if (value == Nest::kNoValue || depth > kDeep || out.size() >= 3) return;
  const auto add = [&](int reg) {
    const auto made = register_loop_.find(reg);
    const bool copied = in_loop >= 0 && made != register_loop_.end() && made->second == in_loop;
    const std::pair<int, bool> one{reg, copied};
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  };
  if (const auto found = registers_.find(value); found != registers_.end()) return add(found->second);
  if (const auto found = equal_.find(value); found != equal_.end())
    return sources_of(found->second, in_loop, out, depth + 1);
  if (const auto found = from_.find(value); found != from_.end())
    for (const int other : found->second)
      if (other != value) sources_of(other, in_loop, out, depth + 1);
}

int ProgramBuilder::first_source(int value) {
  std::vector<std::pair<int, bool>> sources;
  sources_of(value, -1, sources);
  return sources.empty() ? -1 : sources.front().first;
}

void ProgramBuilder::make_access(Program::Op& op, const mlir::Lowered::Item& item,
                                 const Nest::Access& access) {
  op.kind = access.store ? Kind::store : Kind::load;
  op.bits = std::max(8, access.bits);
  op.elements = std::max(1.0, access.elements);
  op.stride = item.stride;
  op.group = std::max(1.0, item.group);
  op.in_group = item.in_group;
  op.in_row = item.in_row;
  op.apart = access.apart;
  const auto index = static_cast<std::size_t>(access.buffer);
  const Nest::Buffer& buffer = nest_.buffers[index];
  op.base = bases_[index];
  op.buffer_bytes = static_cast<std::uint64_t>(sizes_[index]);
  const double element = std::max(1.0, buffer.element_bytes);
  mlir::Strides strides(buffer, kUnknownSize, kUnknownSize);
  std::map<int, double> moves;
  for (std::size_t k = access.indices.size(); k-- > 0;) {
    const Nest::Index& one = access.indices[k];
    const double bytes = strides.of(k) * element;
    const double size =
        k < buffer.shape.size() && buffer.shape[k] > 0 ? static_cast<double>(buffer.shape[k]) : kUnknownSize;
    if (one.indirect) {
      op.anywhere.emplace_back(size, bytes);
      continue;
    }
    op.constant += one.constant * bytes;
    for (const auto& [id, step] : one.terms) moves[id] += step * bytes;
  }
  for (const auto& [id, bytes] : moves)
    if (bytes != 0.0) op.moves.emplace_back(id, bytes);
}

void ProgramBuilder::make_step(Program::Op& op, const mlir::Lowered::Item& item, const Nest::Step& step) {
  using mlir::Work;
  op.bits = std::max(8, step.bits);
  op.elements = std::max(1.0, step.elements);
  const bool wide = op.elements > 1.0 || op.copied || item.lanes > 1.0;
  // Comparisons and conversions are executed where what enters them is.
  const Kind summed = step.real || step.of_reals ? Kind::fp_add : wide ? Kind::vector : Kind::integer;
  switch (step.work) {
    case Work::multiply:
    case Work::fma:
    case Work::contraction:
      op.kind = Kind::fp_multiply;
      break;
    case Work::divide:
    case Work::root:
      op.kind = Kind::fp_divide;
      break;
    case Work::integer:
      op.kind = wide ? Kind::vector : Kind::integer;
      break;
    case Work::integer_multiply:
      op.kind = wide ? Kind::fp_multiply : Kind::multiply;
      break;
    case Work::integer_divide:
      op.kind = Kind::divide;
      break;
    case Work::shuffle:
    case Work::copy:
      op.kind = Kind::vector;
      break;
    case Work::transcendental:
      op.kind = Kind::fp_multiply;
      op.call_cycles = step.called.cycles > 0.0 ? step.called.cycles : 20.0;
      op.call_latency = step.called.latency > 0.0 ? step.called.latency : 40.0;
      break;
    case Work::compare:
      op.kind = step.selects ? (wide || step.of_reals ? Kind::vector : Kind::integer) : summed;
      op.single = std::max(1.0, std::round(step.choice.single));
      op.wide = std::max(1.0, std::round(step.choice.vector));
      break;
    default:
      op.kind = summed;
  }
  if (!step.real && (step.work == Work::multiply || step.work == Work::fma))
    op.kind = wide ? Kind::fp_multiply : Kind::multiply;
}

void ProgramBuilder::make_op(int number) {
  const mlir::Lowered::Item& item = lowered_.items[static_cast<std::size_t>(number)];
  const Nest::Access* access =
      item.access >= 0 ? &nest_.accesses[static_cast<std::size_t>(item.access)] : nullptr;
  const Nest::Step* step = item.step >= 0 ? &nest_.steps[static_cast<std::size_t>(item.step)] : nullptr;
  if (access != nullptr ? access->buffer < 0 : !executes(*step)) return;
  const int origin = access != nullptr ? access->loop : step->loop;
  // No sample point may show it where the loop's length is known.
  const bool seen = item.share > 0.0;
  if (!seen && (origin < 0 || loop(origin).begins.empty())) return;
  const int order = access != nullptr ? access->order : step->order;
  Program::Op op;
  op.item = number;
  // Out of the loops that it does not vary with, up to the one that it is left in.
  int at = origin;
  const auto copied_by = [&](int id) {
    return std::find(item.copied_by.begin(), item.copied_by.end(), id) != item.copied_by.end();
  };
  int below = -1;  // the loop that it has left last
  while (at >= 0 && at != item.home && !copied_by(at)) below = at, at = loop(at).parent;
  for (int id = at; id >= 0 && id != item.home; id = loop(id).parent)
    if (!copied_by(id)) (access != nullptr && access->store ? op.last_of : op.first_of).push_back(id);
  op.copied = interleaved_in(item.home) >= 0;
  // What has left a loop is computed whenever that is entered.
  op.in = below >= 0 ? program_.nodes_[static_cast<std::size_t>(below + 1)].in
                     : side_of(origin, order, seen ? item.share : 1.0);
  op.along = item.along;
  if (item.along >= 0 || (!op.copied && (!item.gathered || item.gathers)))
    op.row = std::max(1.0, std::floor(item.lanes));
  op.place = static_cast<std::uint32_t>((nest_.loops.size() + 2) * Program::kPlaces * 4 +
                                        static_cast<std::size_t>(number) * Program::kPlaces);
  std::vector<int> uses;
  if (access != nullptr) {
    make_access(op, item, *access);
    if (access->store)
      uses.assign(access->uses.begin(),
                  access->uses.begin() +
                      std::min<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(access->uses.size())));
  } else {
    make_step(op, item, *step);
    uses.assign(step->uses.begin(), step->uses.end());
  }
  const int lanes_loop = op.copied ? item.home : -1;
  for (const int value : uses) sources_of(value, lanes_loop, op.sources);
  if (access != nullptr) {
    if (access->store && op.sources.size() > 1) op.sources.resize(1);
    if (access->store && op.sources.empty()) op.sources.emplace_back(-1, false);
    for (const Nest::Index& index : access->indices)
      if (index.unknown != Nest::kNoValue) sources_of(index.unknown, lanes_loop, op.sources);
  }
  const int value = access != nullptr ? (access->store ? Nest::kNoValue : access->value) : step->value;
  if (value != Nest::kNoValue) op.result = register_of(value), made_in_.emplace(op.result, at);
  const int index = static_cast<int>(program_.ops_.size());
  program_.ops_.push_back(std::move(op));
  std::tuple<int, int, int> when{order, 1, order};
  if (below >= 0)
    when = {orders_[static_cast<std::size_t>(below)].first, access != nullptr && access->store ? 2 : 0,
            order};
  events_.emplace_back(at, when, Program::Event{false, index});
}

void ProgramBuilder::carry_values() {
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    const Nest::Loop& one = nest_.loops[i];
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k) {
      const auto own = registers_.find(one.carried[k]);
      if (own == registers_.end()) continue;
      Program::Carry carry;
      carry.to = own->second;
      carry.next = first_source(one.yielded[k]);
      if (k < one.initial.size()) carry.initial = first_source(one.initial[k]);
      carry.real = one.carries_real;
      if (carry.next >= 0) node(static_cast<int>(i)).carries.push_back(carry);
    }
  }
}

/// An element that stays in a register while a loop runs: what is stored behind the loop is what the next
/// iteration loads.
void ProgramBuilder::carry_memory() {
  for (const mlir::Lowered::Item& item : lowered_.items) {
    if (item.access < 0 || item.step >= 0) continue;
    const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (!store.store || store.uses.empty() || store.loop == item.home || store.loop < 0) continue;
    for (const Nest::Access& load : nest_.accesses) {
      if (load.store || load.value == Nest::kNoValue || load.loop != store.loop || !same_place(load, store) ||
          load.order > store.order)
        continue;
      const int next = first_source(store.uses[0]);
      if (next < 0) continue;
      const int to = register_of(load.value);
      if (to == next) continue;
      for (int at = store.loop; at >= 0 && at != item.home; at = loop(at).parent) {
        Program::Node& made = node(at);
        if (std::any_of(made.carries.begin(), made.carries.end(),
                        [&](const Program::Carry& one) { return one.to == to; }))
          continue;
        // Before the first iteration it is what was loaded, which is in that register already.
        made.carries.push_back({to, to, next, store.real});
        if (at == store.loop) continue;
        made.carries.back().initial = to;
      }
    }
  }
}

void ProgramBuilder::order_events() {
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    if (orders_[i].second < 0) continue;  // nothing is in it
    const int order = orders_[i].first;
    events_.emplace_back(nest_.loops[i].parent,
                         std::tuple{order, 1, -static_cast<int>(nest_.loops.size()) + static_cast<int>(i)},
                         Program::Event{true, static_cast<int>(i)});
  }
  std::stable_sort(events_.begin(), events_.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
  });
  for (const auto& [at, when, event] : events_) node(at).events.push_back(event);
}

void ProgramBuilder::build() {
  program_.vector_bytes_ = lowered_.target.vector_bytes;
  place_buffers();
  make_nodes();
  equal_values();
  // Registers first: what is used may be made further down, in the iteration before.
  for (const auto& [value, number] : items_) {
    const mlir::Lowered::Item& item = lowered_.items[static_cast<std::size_t>(number)];
    const int in = interleaved_in(item.home);
    if (in >= 0)
      register_loop_[register_of(value)] = in;
    else
      (void)register_of(value);
  }
  for (std::size_t i = 0; i < nest_.loops.size(); ++i)
    for (const int value : nest_.loops[i].carried) {
      const int in = interleaved_in(static_cast<int>(i));
      const int made = register_of(value);
      if (in >= 0) register_loop_[made] = in;
    }
  // Elements held while a loop in lanes runs have a copy each.
  for (const mlir::Lowered::Item& item : lowered_.items) {
    if (item.access < 0) continue;
    const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (!store.store || store.loop < 0 || store.loop == item.home || interleaved_in(store.loop) < 0) continue;
    for (const Nest::Access& load : nest_.accesses)
      if (!load.store && load.value != Nest::kNoValue && load.loop == store.loop && same_place(load, store))
        register_loop_[register_of(load.value)] = store.loop;
  }
  make_forks();
  for (std::size_t i = 0; i < lowered_.items.size(); ++i) make_op(static_cast<int>(i));
  enter_forks();
  carry_values();
  carry_memory();
  order_events();
  count();
}

Program::Program(const mlir::Nest& nest, const mlir::Lowered& lowered) {
  ProgramBuilder(*this, nest, lowered).build();
  if (!(instructions_ >= 1.0))
    throw Error("the function holds nothing that executes", {}, "a body with loads, stores or arithmetic");
}

}  // namespace hone::cost::simulator
