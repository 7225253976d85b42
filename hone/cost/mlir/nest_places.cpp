// Where in rows and columns what is loaded and stored by pointers lies: texts of the llvm dialect have one
// number for it, of which the factors of loops' variables say how long rows are, as LLVM's Delinearization
// has it.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/index_sum.h"
#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {

/// The accesses to one buffer.
class NestBuilder::Places {
 public:
  Places(NestBuilder& builder, int buffer)
      : builder_(builder),
        nest_(builder.nest_),
        buffer_(nest_.buffers[static_cast<std::size_t>(buffer)]),
        element_bytes_(buffer_.element_bytes) {}

  void note(const Pointed& pointed) {
    Place place;
    place.access = pointed.access;
    const Nest::Access& access = nest_.accesses[pointed.access];
    const Nest::Index known = builder_.scaled(pointed.bytes.known, 1.0 / element_bytes_);
    const IndexSum sum = index_sum(nest_, known, access.loop, unlike_);
    place.constant = sum.constant;
    place.rest.offset = sum.offset;
    place.rest.exact = known.exact;
    place.rest.divided = known.divided;
    for (const auto& [loop, factor] : sum.terms) place.terms.push_back(variable(loop, factor));
    for (const Sum::Part& part : pointed.bytes.parts) {
      Term term{part.index, part.factor / element_bytes_};
      if (part.stride == Nest::kNoValue) {
        place.terms.push_back(std::move(term));
        continue;
      }
      const auto found =
          std::ranges::find_if(rows_, [&](const auto& row) { return row.first == part.stride_key; });
      const auto row = static_cast<std::size_t>(found - rows_.begin());
      if (found == rows_.end()) rows_.emplace_back(part.stride_key, part.stride);
      place.by_row.emplace_back(row, std::move(term));
    }
    places_.push_back(std::move(place));
  }

  void lay_out(double bytes) {
    choose_strides();
    // Strides that the text leaves open are those of outer dimensions, in the order of the values.
    std::vector<std::size_t> order(rows_.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return rows_[a].second < rows_[b].second; });
    std::vector<std::size_t> at(order.size());
    for (std::size_t k = 0; k < order.size(); ++k) at[order[k]] = k;
    double most = 0.0;
    for (const Place& place : places_) {
      Nest::Access& access = nest_.accesses[place.access];
      access.indices.assign(order.size() + strides_.size(), {});
      for (const auto& [row, term] : place.by_row) {
        Nest::Index& index = access.indices[at[row]];
        index = builder_.sum(std::move(index), builder_.scaled(term.index, term.factor));
      }
      most = std::max(most, split(place, access, order.size()));
    }
    shape(order.size(), bytes, most);
  }

 private:
  /// What enters a place, so many elements each time: a loop's variable, or what is no such.
  struct Term {
    Nest::Index index;
    double factor = 1.0;
    bool bounded = false;
    double least = 0.0, greatest = 0.0;  ///< of the index
  };
  struct Place {
    std::size_t access = 0;
    std::vector<Term> terms;
    std::vector<std::pair<std::size_t, Term>> by_row;  ///< with a stride of rows_
    double constant = 0.0;
    Nest::Index rest;  ///< what is not known of the number as a whole
  };
  /// What a place is behind whole rows.
  struct Rest {
    double constant = 0.0, least = 0.0, greatest = 0.0;
    bool bounded = true;

    void enter(const Term& term, double factor) {
      if (factor == 0.0) return;
      bounded = bounded && term.bounded;
      least += std::min(factor * term.least, factor * term.greatest);
      greatest += std::max(factor * term.least, factor * term.greatest);
    }
  };

  Term variable(int id, double factor) const {
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(id)];
    Term made{loop.first, factor};
    const double step = std::max(1.0, loop.step);
    made.index.terms.emplace_back(id, step);
    made.bounded = loop.known && loop.first.exact && !loop.first.indirect && loop.first.offset == 0;
    made.least = loop.first.constant;
    for (const auto& [at, by] : loop.first.terms)
      made.least += std::min(0.0, by * (nest_.loops[static_cast<std::size_t>(at)].most - 1.0));
    made.greatest = made.least + std::max(0.0, loop.span - 1.0) * step;
    return made;
  }

  /// How many rows of a length a factor is.
  static double rows(double factor, double stride) {
    return factor < 0.0 ? -rows(-factor, stride) : std::ceil(factor / stride - 0.5);
  }
  /// Of what is left of a place: the constant's rows, so that what remains is inside one.
  static double rows(const Rest& rest, double stride) {
    return std::floor(rest.bounded ? (rest.constant + rest.least) / stride : rest.constant / stride + 0.5);
  }

  /// Whether all places are inside a row of that length, whatever loops stand at.
  bool fits(double stride) const {
    return std::ranges::all_of(places_, [&](const Place& place) {
      Rest rest{place.constant};
      for (const Term& term : place.terms) rest.enter(term, term.factor - rows(term.factor, stride) * stride);
      if (!rest.bounded) return true;  // the text has it so, and means it
      const double behind = rest.constant - rows(rest, stride) * stride;
      return behind + rest.greatest + nest_.accesses[place.access].elements - 1.0 < stride;
    });
  }

  /// Lengths of rows: factors of variables, but for the least one, inside of which all else stays.
  void choose_strides() {
    constexpr std::size_t kMostStrides = 64;
    std::vector<double> factors;
    for (const Place& place : places_)
      for (const Term& term : place.terms)
        if (const double factor = std::abs(term.factor); factor >= 1.0 && factor == std::floor(factor))
          factors.push_back(factor);
    std::ranges::sort(factors);
    factors.erase(std::unique(factors.begin(), factors.end()), factors.end());
    if (factors.size() > kMostStrides) factors.resize(kMostStrides);
    strides_ = {1.0};
    for (std::size_t k = 1; k < factors.size(); ++k)
      if (std::fmod(factors[k], strides_.front()) == 0.0 && fits(factors[k]))
        strides_.insert(strides_.begin(), factors[k]);
  }

  /// Makes rows and columns of a place, from the dimension on; returns how many there are of the outermost
  /// of these, infinity where that is not known.
  double split(const Place& place, Nest::Access& access, std::size_t first) {
    std::vector<double> left;
    for (const Term& term : place.terms) left.push_back(term.factor);
    Rest rest{place.constant};
    double most = 0.0;
    for (std::size_t k = 0; k < strides_.size(); ++k) {
      const double stride = strides_[k];
      const bool last = k + 1 == strides_.size();
      Nest::Index& index = access.indices[first + k];
      Rest of;
      rest.bounded = true;
      rest.least = rest.greatest = 0.0;
      for (std::size_t t = 0; t < place.terms.size(); ++t) {
        const double whole = last ? left[t] / stride : rows(left[t], stride);
        left[t] -= whole * stride;
        of.enter(place.terms[t], whole);
        rest.enter(place.terms[t], left[t]);
        if (whole != 0.0)
          index = builder_.sum(std::move(index), builder_.scaled(place.terms[t].index, whole));
      }
      const double constant = last ? rest.constant / stride : rows(rest, stride);
      rest.constant -= constant * stride;
      index.constant += constant;
      if (k == 0)
        most = !of.bounded || !place.rest.exact ? INFINITY
                                                : constant + of.greatest + (last ? access.elements : 1.0);
      if (!last) continue;
      index.offset += place.rest.offset;
      index.exact = index.exact && place.rest.exact;
      index.divided.insert(index.divided.end(), place.rest.divided.begin(), place.rest.divided.end());
    }
    return most;
  }

  void shape(std::size_t open, double bytes, double most) {
    buffer_.shape.assign(open + strides_.size(), kDynamic);
    buffer_.strides.clear();
    bool rows = true;
    for (std::size_t k = 1; k < strides_.size(); ++k) {
      const double size = strides_[k - 1] / strides_[k];
      rows = rows && size == std::floor(size);
      buffer_.shape[open + k] = static_cast<std::int64_t>(size);
    }
    if (!rows) {
      buffer_.strides.assign(open, kDynamic);
      for (const double stride : strides_) buffer_.strides.push_back(static_cast<std::int64_t>(stride));
    }
    // What nothing tells is seen from the places that are looked at.
    constexpr double kMostSize = 1e15;
    if (open == 0 && bytes > 0.0) most = std::floor(bytes / element_bytes_ / strides_[0]);
    if (open == 0 && most >= 1.0 && most < kMostSize)
      buffer_.shape[0] = static_cast<std::int64_t>(std::ceil(most));
    double elements = element_bytes_;
    for (const std::int64_t size : buffer_.shape)
      elements *= static_cast<double>(size == kDynamic ? Nest::kUnknownTrips : size);
    buffer_.bytes = bytes > 0.0 ? bytes : std::min(1e18, elements);
  }

  NestBuilder& builder_;
  Nest& nest_;
  Nest::Buffer& buffer_;
  double element_bytes_;
  std::vector<Place> places_;
  std::vector<std::pair<std::uint64_t, int>> rows_;  ///< strides that the text leaves open, and a value
  std::vector<double> strides_;                      ///< elements, of the outermost first
  int unlike_ = 0;
};

void NestBuilder::place_accesses() {
  std::map<int, Places> of;
  for (const Pointed& pointed : pointed_) {
    const int buffer = nest_.accesses[pointed.access].buffer;
    of.try_emplace(buffer, *this, buffer).first->second.note(pointed);
  }
  for (const Memory& memory : memories_)
    for (const auto& [bytes, buffer] : memory.buffers)
      if (const auto found = of.find(buffer); found != of.end()) found->second.lay_out(memory.bytes);
}

/// llvm.intr.memcpy and its kin: a loop that loads and stores.
bool NestBuilder::moves_memory(const Operation& operation, At at) {
  const std::string_view name = operation.name;
  const bool sets = name == "llvm.intr.memset" || name == "llvm.intr.memset.inline";
  if (!sets && name != "llvm.intr.memcpy" && name != "llvm.intr.memcpy.inline" && name != "llvm.intr.memmove")
    return false;
  if (operation.operands.size() < 2) return false;
  const Pointer to = pointer(operation.operands[0]), from = pointer(operation.operands[sets ? 0 : 1]);
  double element_bytes = sets ? 1.0 : 4.0;
  for (const Pointer* one : {&from, &to})
    if (const auto& known = memories_[static_cast<std::size_t>(one->memory)].buffers; !known.empty())
      element_bytes = known[0].first;
  const Attribute* fixed = module_.attribute(operation, "len");
  Points bytes(samples_, fixed != nullptr ? static_cast<double>(fixed->integer) : NAN);
  if (fixed == nullptr && operation.operands.size() > 2) {
    const Sum length = sum_of(operation.operands[2]);
    bytes = length.parts.empty() && length.known.terms.empty() && length.known.exact
                ? Points(samples_, length.known.constant)
                : points(operation.operands[2]);
  }
  bool known = true;
  for (double& one : bytes) {
    known = known && std::isfinite(one);
    one = std::isfinite(one) ? std::floor(std::max(0.0, one) / element_bytes) : Nest::kUnknownTrips;
  }
  Nest::Access access;
  access.loop = add_loop(at, bytes, false, known, true);
  access.count = count({access.loop, 1.0});
  access.bits = static_cast<int>(element_bytes * 8.0);
  nest_.loops[static_cast<std::size_t>(access.loop)].variables.push_back(--implied_);
  access.value = --implied_;
  Nest::Index moved;
  moved.terms.emplace_back(access.loop, element_bytes);
  for (const bool store : {false, true}) {
    if (sets && !store) continue;
    const Pointer& place = store ? to : from;
    access.store = store;
    access.zero = store && sets && module_.zero(operation.operands[1]);
    access.order = order_++;
    access.buffer = buffer_in(place.memory, element_bytes);
    if (store) access.uses = {sets ? operation.operands[1] : access.value};
    if (store) access.value = Nest::kNoValue;
    pointed_.push_back({nest_.accesses.size(), place.bytes});
    pointed_.back().bytes.known = sum(std::move(pointed_.back().bytes.known), moved);
    nest_.accesses.push_back(access);
  }
  return true;
}

}  // namespace hone::cost::mlir
