#include "hone/cost/mlir/text.h"

#include <algorithm>

#include "hone/cost/mlir/opcode.h"
#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {

double Type::element_bytes() const {
  if (bits <= 0) return 4.0;
  return bits < 8 ? 1.0 : static_cast<double>(bits) / 8.0;
}

double Type::elements(std::int64_t unknown) const {
  double count = 1.0;
  for (const std::int64_t size : shape)
    count = std::min(1e18, count * static_cast<double>(size == kDynamic ? unknown : size));
  return count;
}

const Type& Module::type_of(int value) const {
  static const Type kNone;
  if (value < 0) return kNone;
  const int type = values[static_cast<std::size_t>(value)].type;
  return type < 0 ? kNone : types[static_cast<std::size_t>(type)];
}

const Attribute* Module::attribute(const Operation& operation, std::string_view name) const {
  for (const auto& [key, id] : operation.attributes)
    if (key == name) return &attributes[static_cast<std::size_t>(id)];
  return nullptr;
}

std::vector<std::int64_t> Module::integers(const Attribute& attribute) const {
  std::vector<std::int64_t> numbers;
  // Beyond what fits, the least number stands for what MLIR marks as dynamic.
  const auto whole = [](double number) {
    return number >= -9e18 && number <= 9e18 ? static_cast<std::int64_t>(number) : kDynamic;
  };
  if (attribute.kind == Attribute::Kind::integer || attribute.kind == Attribute::Kind::flag) {
    numbers.push_back(attribute.integer);
  } else if (attribute.kind == Attribute::Kind::dense) {
    for (const double number : attribute.numbers) numbers.push_back(whole(number));
    if (attribute.type >= 0 && numbers.size() == 1) {  // a splat
      const double count = types[static_cast<std::size_t>(attribute.type)].elements();
      numbers.resize(static_cast<std::size_t>(std::clamp(count, 0.0, 64.0)), numbers[0]);
    }
  } else if (attribute.kind == Attribute::Kind::array) {
    for (const int item : attribute.items) {
      const Attribute& one = attributes[static_cast<std::size_t>(item)];
      if (one.kind == Attribute::Kind::integer) numbers.push_back(one.integer);
    }
  }
  return numbers;
}

std::vector<int> Module::functions() const {
  std::vector<int> found, bodies;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.regions.empty()) continue;
    const std::vector<Block>& blocks = regions[static_cast<std::size_t>(operation.regions[0])].blocks;
    if (operation.name.ends_with(".func")) {
      if (!blocks[0].operations.empty() || blocks.size() > 1) found.push_back(static_cast<int>(i));
      continue;
    }
    // At the top, or in a module at the top.
    bool outermost = operation.name != "builtin.module";
    for (int region = operation.region; outermost && region >= 0;) {
      const Operation& around =
          operations[static_cast<std::size_t>(regions[static_cast<std::size_t>(region)].operation)];
      outermost = around.name == "builtin.module";
      region = around.region;
    }
    if (outermost) bodies.push_back(static_cast<int>(i));
  }
  return found.empty() ? bodies : found;
}

std::string Module::name_of(int function) const {
  const Operation& named = operations[static_cast<std::size_t>(function)];
  std::string name(named.symbol);
  // By their regions, which are far fewer than operations are.
  const bool alone = std::none_of(regions.begin(), regions.end(), [&](const Region& region) {
    return region.operation >= 0 && region.operation != function &&
           operations[static_cast<std::size_t>(region.operation)].symbol == named.symbol;
  });
  if (alone) return name;
  const std::vector<int> all = functions();
  const auto same = [&](int one) { return operations[static_cast<std::size_t>(one)].symbol == named.symbol; };
  if (std::count_if(all.begin(), all.end(), same) < 2) return name;
  for (int region = named.region; region >= 0;) {
    const Operation& around =
        operations[static_cast<std::size_t>(regions[static_cast<std::size_t>(region)].operation)];
    if (!around.symbol.empty()) name = std::string(around.symbol) + "::" + name;
    region = around.region;
  }
  return name;
}

bool Module::zero(int value) const {
  if (constant(value) == 0) return true;
  const int definer = value < 0 ? -1 : values[static_cast<std::size_t>(value)].operation;
  if (definer < 0 || plain_name(operations[static_cast<std::size_t>(definer)].name) != "arith.constant")
    return false;
  for (const auto& [name, index] : operations[static_cast<std::size_t>(definer)].attributes) {
    const Attribute& attribute = attributes[static_cast<std::size_t>(index)];
    if (attribute.kind == Attribute::Kind::real) return attribute.real == 0.0;
    if (attribute.kind == Attribute::Kind::dense)
      return attribute.numbers.size() == 1 && attribute.numbers[0] == 0.0;
  }
  return false;
}

std::int64_t Module::constant(int value) const {
  if (value < 0) return kDynamic;
  const int definer = values[static_cast<std::size_t>(value)].operation;
  if (definer < 0) return kDynamic;
  const Operation& operation = operations[static_cast<std::size_t>(definer)];
  if (operation.name != "arith.constant" && operation.name != "index.constant" &&
      operation.name != "llvm.mlir.constant")
    return kDynamic;
  const Attribute* attribute = this->attribute(operation, "value");
  if (attribute == nullptr && !operation.attributes.empty())
    attribute = &attributes[static_cast<std::size_t>(operation.attributes.back().second)];
  if (attribute == nullptr) return kDynamic;
  return attribute->kind == Attribute::Kind::integer || attribute->kind == Attribute::Kind::flag
             ? attribute->integer
             : kDynamic;
}

}  // namespace hone::cost::mlir
