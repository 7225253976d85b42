// Pointers of the llvm dialect: which memory they point into, and how far behind its begin.
#include <algorithm>
#include <cmath>

#include "hone/base/mix.h"
#include "hone/cost/mlir/layout.h"
#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// The numbers between an operation's brackets, kDynamic where a value stands: of getelementptr,
/// extractvalue and insertvalue, whose generic form has them in an attribute.
Few<std::int64_t> bracketed(const Module& module, const Operation& operation, std::string_view attribute) {
  Few<std::int64_t> list;
  if (const Attribute* numbers = module.attribute(operation, attribute); numbers != nullptr) {
    constexpr std::int64_t kValue = -2147483648;  // how the generic form marks one
    for (const std::int64_t number : module.integers(*numbers))
      list.push_back(number == kValue ? kDynamic : number);
    return list;
  }
  const std::string_view text = operation.text;
  std::size_t at = text.find('[');
  while (at != std::string_view::npos && at < text.size() && text[at] != ']') {
    ++at;
    while (at < text.size() && text[at] == ' ') ++at;
    const bool negative = at < text.size() && text[at] == '-';
    if (negative) ++at;
    std::int64_t number = 0;
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
      number = std::min<std::int64_t>(number, 1LL << 50) * 10 + (text[at] - '0');
    const bool value = at == begin;
    list.push_back(value ? kDynamic : negative ? -number : number);
    at = text.find_first_of(",]", at);
  }
  return list;
}

/// Functions that take memory from the heap, and that give it back.
bool takes_memory(std::string_view symbol) {
  return symbol == "malloc" || symbol == "calloc" || symbol == "aligned_alloc" ||
         symbol == "_mlir_memref_to_llvm_alloc" || symbol == "_mlir_memref_to_llvm_aligned_alloc";
}
bool gives_memory(std::string_view symbol) {
  return symbol == "free" || symbol == "_mlir_memref_to_llvm_free";
}

bool renames(std::string_view name) {
  return name == "llvm.bitcast" || name == "llvm.addrspacecast" || name == "llvm.freeze" ||
         name == "builtin.unrealized_conversion_cast";
}

/// Whether a whole number goes on as it is: between lengths, and to and from index.
bool lengthens(std::string_view plain) {
  return plain == "arith.extsi" || plain == "arith.extui" || plain == "arith.trunci" ||
         plain == "arith.index_cast" || plain == "arith.index_castui" || plain == "index.casts" ||
         plain == "index.castu";
}

}  // namespace

const Operation* NestBuilder::definer(int value) const {
  const int id = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  return id < 0 ? nullptr : &module_.operations[static_cast<std::size_t>(id)];
}

bool NestBuilder::allocates(const Operation& operation) const {
  return operation.name == "llvm.call" && (takes_memory(operation.symbol) || gives_memory(operation.symbol));
}

/// Whether a function's argument is a pointer or a struct, or a number that only structs hold: what it takes
/// to say where memrefs are.
bool NestBuilder::describes_memory(int argument) {
  if (module_.type_of(argument).text.starts_with("!llvm.")) return true;
  const Few<int>& list = users(argument);
  return !list.empty() && std::ranges::all_of(list, [&](int user) {
    return module_.operations[static_cast<std::size_t>(user)].name == "llvm.insertvalue";
  });
}

NestBuilder::Origin NestBuilder::origin(int value) const {
  Origin at{value, {}};
  for (int steps = 0; steps < kMaxChain; ++steps) {
    if (const auto found = again_.find(at.value); found != again_.end()) {
      at.value = found->second;
      continue;
    }
    const Operation* operation = definer(at.value);
    if (operation == nullptr || operation->operands.empty()) return at;
    if (operation->name == "llvm.extractvalue") {
      Few<std::int64_t> member = bracketed(module_, *operation, "position");
      member.insert(member.end(), at.member.begin(), at.member.end());
      at = {operation->operands[0], std::move(member)};
    } else if (operation->name == "llvm.insertvalue" && operation->operands.size() == 2) {
      // The generic form has what is inserted behind what it is inserted into.
      const bool generic = module_.attribute(*operation, "position") != nullptr;
      const Few<std::int64_t> member = bracketed(module_, *operation, "position");
      const std::size_t common = std::min(member.size(), at.member.size());
      if (!std::equal(member.begin(), member.begin() + static_cast<std::ptrdiff_t>(common),
                      at.member.begin())) {
        at.value = operation->operands[generic ? 0 : 1];
      } else if (member.size() <= at.member.size()) {
        at.value = operation->operands[generic ? 1 : 0];
        at.member.erase(at.member.begin(), at.member.begin() + static_cast<std::ptrdiff_t>(common));
      } else {
        return at;  // a struct of which a part is put in here
      }
    } else if (renames(operation->name) && operation->operands.size() == 1) {
      at.value = operation->operands[0];
    } else {
      return at;
    }
  }
  return at;
}

/// The memory that a value or a member of one points to, as long as nothing says where that is.
int NestBuilder::memory(const Origin& origin) {
  std::uint64_t member = 1;
  for (const std::int64_t number : origin.member) member = mixed(member, number);
  const Operation* operation = definer(origin.value);
  std::pair<int, std::uint64_t> key{origin.value, member};
  if (operation != nullptr && operation->name == "llvm.mlir.addressof")
    key = {-1, std::hash<std::string_view>()(operation->symbol)};
  if (const auto found = memories_of_.find(key); found != memories_of_.end()) return found->second;
  Memory made;
  made.argument = given_to_function(origin.value);
  made.heap = operation != nullptr && operation->name == "llvm.call" && takes_memory(operation->symbol);
  if (operation != nullptr && operation->name == "llvm.alloca" && !operation->operands.empty()) {
    const Attribute* type = module_.attribute(*operation, "elem_type");
    // `llvm.alloca %n x f32 : (i64) -> !llvm.ptr`: the first type that its text names.
    const int id = type != nullptr ? type->type : operation->types.empty() ? -1 : operation->types[0];
    const auto spacing = id < 0 ? std::nullopt : spacing_of(module_.types[static_cast<std::size_t>(id)].text);
    const std::int64_t count = module_.constant(operation->operands[0]);
    if (spacing && count != kDynamic) made.bytes = *spacing * static_cast<double>(count);
  } else if (made.heap && !operation->operands.empty()) {
    const Sum bytes = sum_of(operation->operands.back());
    if (bytes.parts.empty() && bytes.known.terms.empty()) made.bytes = std::max(0.0, bytes.known.constant);
  } else if (key.first == -1 && operation != nullptr) {
    for (const Operation& global : module_.operations) {
      if (global.name != "llvm.mlir.global" || global.symbol != operation->symbol) continue;
      const Attribute* type = module_.attribute(global, "global_type");
      const int id = type != nullptr ? type->type : global.types.empty() ? -1 : global.types.back();
      if (id >= 0) made.bytes = spacing_of(module_.types[static_cast<std::size_t>(id)].text).value_or(0.0);
    }
  }
  memories_.push_back(std::move(made));
  return memories_of_[key] = static_cast<int>(memories_.size()) - 1;
}

const NestBuilder::Pointer& NestBuilder::pointer(int value) {
  if (const auto found = pointers_.find(value); found != pointers_.end()) return found->second;
  const Origin from = origin(value);
  Pointer result;
  const Operation* operation = definer(from.value);
  const bool whole = from.member.empty() && chain_ <= kMaxChain;
  const Longer longer(*this);
  if (whole && from.value != value) {
    result = Pointer(pointer(from.value));
  } else if (whole && operation != nullptr && operation->name == "llvm.getelementptr" &&
             !operation->operands.empty()) {
    result = Pointer(pointer(operation->operands[0]));
    index_memory(*operation, result);
  } else {
    // What is rounded up to a line of a cache is what is rounded.
    const Operation* rounded = operation;
    for (int steps = 0; whole && rounded != nullptr && steps < kMaxChain; ++steps) {
      const std::string_view plain = plain_name(rounded->name);
      if (rounded->operands.empty() || (rounded == operation && plain != "llvm.inttoptr"))
        rounded = nullptr;
      else if (plain == "llvm.ptrtoint")
        break;
      else
        rounded = definer(rounded->operands[0]);
    }
    if (whole && rounded != nullptr) {
      result = Pointer(pointer(rounded->operands[0]));
    } else {
      result.memory = memory(from);
      const auto stands = stands_.find(from.value);
      const bool made = operation != nullptr && (operation->name == "llvm.alloca" || allocates(*operation));
      if (stands != stands_.end() && stands->second >= 0 && !made) {
        // Another one in each iteration, of which nothing is known.
        Nest::Index begin;
        begin.exact = false;
        begin.indirect = true;
        known_only_when_it_runs(begin, from.value);
        result.bytes.parts.push_back({std::move(begin), 1.0, Nest::kNoValue, 0});
      }
    }
  }
  return pointers_[value] = std::move(result);
}

/// Adds what a getelementptr goes on by.
void NestBuilder::index_memory(const Operation& operation, Pointer& pointer) {
  const Attribute* attribute = module_.attribute(operation, "elem_type");
  const int id = attribute != nullptr      ? attribute->type
                 : operation.types.empty() ? -1
                                           : operation.types.back();
  std::string_view type = id < 0 ? std::string_view() : module_.types[static_cast<std::size_t>(id)].text;
  std::size_t operand = 1;
  bool first = true;
  for (const std::int64_t number : bracketed(module_, operation, "rawConstantIndices")) {
    const bool fixed = number != kDynamic;
    std::optional<double> bytes;
    if (first) {
      bytes = spacing_of(type);
    } else if (const auto member = member_of(type, fixed ? number : 1)) {
      type = member->type;
      bytes = fixed ? 1.0 : member->bytes;
      if (fixed) pointer.bytes.known.constant += member->bytes;
    }
    if (!bytes) pointer.bytes.known.exact = false;
    if (fixed && first && bytes)
      pointer.bytes.known.constant += static_cast<double>(number) * *bytes;
    else if (!fixed && operand < operation.operands.size())
      add(pointer.bytes, sum_of(operation.operands[operand++]), bytes.value_or(1.0));
    first = false;
  }
}

void NestBuilder::add(Sum& sum, const Sum& more, double factor) const {
  sum.known = this->sum(std::move(sum.known), scaled(more.known, factor));
  for (const Sum::Part& part : more.parts) {
    const auto same = std::find_if(sum.parts.begin(), sum.parts.end(), [&](const Sum::Part& one) {
      return one.stride_key == part.stride_key && one.index.moves_like(part.index) &&
             one.index.constant == part.index.constant && one.index.exact == part.index.exact &&
             (one.index.exact || one.index.unknown != Nest::kNoValue);
    });
    if (same != sum.parts.end()) {
      same->factor += part.factor * factor;
      if (same->factor == 0.0) sum.parts.erase(same);
    } else {
      sum.parts.push_back({part.index, part.factor * factor, part.stride, part.stride_key});
    }
  }
}

/// A sum times a number that is the same all through the function; none where a part has one already.
std::optional<NestBuilder::Sum> NestBuilder::times(const Sum& sum, int stride, std::uint64_t key) const {
  Sum made;
  if (!sum.known.terms.empty() || sum.known.constant != 0.0)
    made.parts.push_back({sum.known, 1.0, stride, key});
  for (const Sum::Part& part : sum.parts) {
    if (part.stride != Nest::kNoValue) return std::nullopt;
    made.parts.push_back({part.index, part.factor, stride, key});
  }
  return made;
}

NestBuilder::Sum NestBuilder::sum_of(int value) {
  const Origin from = origin(value);
  if (from.member.empty()) value = from.value;
  if (const auto found = sums_.find(value); found != sums_.end()) return found->second;
  const Longer longer(*this);
  if (chain_ <= kMaxChain) sums_[value] = {};  // a value that depends on itself ends here
  Sum made = calculated(value);
  return sums_[value] = std::move(made);
}

NestBuilder::Sum NestBuilder::calculated(int value) {
  Sum made;
  const Operation* operation = definer(value);
  if (operation != nullptr && module_.constant(value) == kDynamic && chain_ <= kMaxChain) {
    const std::string_view plain = plain_name(operation->name);
    const Few<int>& operands = operation->operands;
    if (lengthens(plain) && operands.size() == 1) return sum_of(operands[0]);
    if (plain == "llvm.ptrtoint" && operands.size() == 1) {
      // Of the null pointer: how many bytes an array has.
      const Operation* base = definer(operands[0]);
      for (int steps = 0; base != nullptr && base->name == "llvm.getelementptr" && steps < kMaxChain; ++steps)
        base = base->operands.empty() ? nullptr : definer(base->operands[0]);
      if (base != nullptr && (base->name == "llvm.mlir.zero" || base->name == "llvm.mlir.null"))
        return pointer(operands[0]).bytes;
    }
    const bool disjoint = plain == "arith.ori" && operation->text.find("disjoint") != std::string_view::npos;
    if (operands.size() == 2 && (plain == "arith.addi" || plain == "arith.subi" || disjoint)) {
      made = sum_of(operands[0]);
      add(made, sum_of(operands[1]), plain == "arith.subi" ? -1.0 : 1.0);
      return made;
    }
    if (operands.size() == 2 && plain == "arith.shli")
      if (const std::int64_t by = module_.constant(operands[1]); by >= 0 && by < 64) {
        add(made, sum_of(operands[0]), std::exp2(static_cast<double>(by)));
        return made;
      }
    if (operands.size() == 2 && plain == "arith.muli") {
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}})
        if (const Sum by = sum_of(operands[k]);
            by.parts.empty() && by.known.terms.empty() && by.known.exact && !by.known.indirect) {
          add(made, sum_of(operands[1 - k]), by.known.constant);
          return made;
        }
      for (const std::size_t k : {std::size_t{1}, std::size_t{0}}) {
        const Nest::Index by = index(operands[k]);
        if (!by.exact || by.indirect || !by.terms.empty() || by.offset == 0) continue;
        if (auto product = times(sum_of(operands[1 - k]), operands[k], mixed(by.offset, by.constant)))
          return *product;
      }
    }
  }
  const Nest::Index& leaf = index(value);
  if (leaf.exact && !leaf.indirect && leaf.offset == 0)
    made.known = leaf;
  else
    made.parts.push_back({leaf, 1.0, Nest::kNoValue, 0});
  return made;
}

/// Of pointers and structs that a loop hands on: the same again, or the same number of bytes further each
/// time. What goes around as a struct is what went in, as memrefs are.
bool NestBuilder::hands_on_pointer(std::span<const int> names, int next, int initial, int loop) {
  const Type& type = module_.type_of(names[0]);
  if (type.text.starts_with("!llvm.struct")) {
    for (const int name : names) again_[name] = initial;
    return true;
  }
  if (!type.text.starts_with("!llvm.ptr")) return false;
  const auto itself = [&](int value) { return std::find(names.begin(), names.end(), value) != names.end(); };
  Pointer step;
  int at = next;
  for (int steps = 0; steps < kMaxChain && !itself(at); ++steps) {
    const Operation* operation = definer(at);
    if (operation == nullptr || operation->name != "llvm.getelementptr" || operation->operands.empty())
      return false;
    index_memory(*operation, step);
    at = operation->operands[0];
  }
  const Nest::Index& by = step.bytes.known;
  if (!itself(at) || !step.bytes.parts.empty() || !by.terms.empty() || !by.exact) return false;
  Pointer made = pointer(initial);
  if (by.constant != 0.0) {
    Nest::Index moved;
    moved.terms.emplace_back(loop, by.constant);
    made.bytes.known = sum(std::move(made.bytes.known), moved);
  }
  for (const int name : names) pointers_[name] = made;
  return true;
}

/// The elements of a length in a memory are a buffer; others in the same memory may be the same.
int NestBuilder::buffer_in(int memory, double element_bytes) {
  Memory& in = memories_[static_cast<std::size_t>(memory)];
  for (const auto& [bytes, buffer] : in.buffers)
    if (bytes == element_bytes) return buffer;
  Nest::Buffer made;
  made.shape = {kDynamic};
  made.element_bytes = element_bytes;
  made.argument = in.argument && in.buffers.empty();
  made.heap = in.heap;
  if (!in.buffers.empty()) made.root = in.buffers[0].second;
  in.buffers.emplace_back(element_bytes, static_cast<int>(nest_.buffers.size()));
  nest_.buffers.push_back(std::move(made));
  return in.buffers.back().second;
}

void NestBuilder::access_by_pointer(Nest::Access access, int pointer) {
  const Pointer& at = this->pointer(pointer);
  if (access.bits <= 0) access.bits = 32;
  access.buffer = buffer_in(at.memory, access.bits < 8 ? 1.0 : access.bits / 8.0);
  pointed_.push_back({nest_.accesses.size(), at.bytes});
  nest_.accesses.push_back(std::move(access));
}

/// Whole numbers of the llvm dialect have no type of their own where they are indices: those that nothing
/// but addresses needs are.
void NestBuilder::find_addresses(std::size_t first, std::size_t end) {
  addresses_.resize(module_.operations.size(), false);
  std::unordered_map<int, bool> other;  // by value: something else needs it
  for (std::size_t i = end; i-- > first;) {
    const Operation& one = module_.operations[i];
    if (one.dialect() != "llvm") {
      for (const int operand : one.operands) other[operand] = true;
      continue;
    }
    const Work work = work_of(one.name);
    const bool pointer = one.name == "llvm.getelementptr" || one.name == "llvm.ptrtoint";
    const bool number = work == Work::integer || work == Work::integer_multiply;
    const bool used = one.results.size() == 1 && other.contains(one.results[0]);
    if (pointer || (number && used && !other[one.results[0]])) addresses_[i] = true;
    const bool takes_apart = one.name == "llvm.insertvalue" || one.name == "llvm.inttoptr" ||
                             one.name == "llvm.alloca" || allocates(one);
    for (std::size_t k = 0; k < one.operands.size(); ++k) {
      const bool place = work == Work::store ? k == 1 : work == Work::load && k == 0;
      const bool address = addresses_[i] || takes_apart || place;
      other[one.operands[k]] = !address || other[one.operands[k]];
    }
  }
}

}  // namespace hone::cost::mlir
