#include "hone/graph/mlir_writer.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone::graph {
namespace {

const char* element(DataType type) { return type == DataType::float32 ? "f32" : "i64"; }

std::string number(double value, const std::string& type) {
  if (std::isinf(value))
    return type == "f32" ? (value > 0 ? "0x7F800000" : "0xFF800000")
                         : (value > 0 ? "0x7FF0000000000000" : "0xFFF0000000000000");
  return fmt::format("{:.9e}", value);
}

/// "d12" in an expression becomes names[12].
std::string renamed(const std::string& expression, const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < expression.size();) {
    const bool dim = expression[i] == 'd' && i + 1 < expression.size() &&
                     std::isdigit(static_cast<unsigned char>(expression[i + 1])) != 0 &&
                     (i == 0 || std::isalnum(static_cast<unsigned char>(expression[i - 1])) == 0);
    if (!dim) {
      text += expression[i++];
      continue;
    }
    std::size_t number = 0;
    for (++i; i < expression.size() && std::isdigit(static_cast<unsigned char>(expression[i])) != 0; ++i)
      number = number * 10 + static_cast<std::size_t>(expression[i] - '0');
    text += names[number];
  }
  return text;
}

std::vector<std::string> dims(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("d{}", i));
  return names;
}

std::string map_text(std::size_t count, const std::vector<std::string>& results) {
  return fmt::format("affine_map<({}) -> ({})>", fmt::join(dims(count), ", "), fmt::join(results, ", "));
}

/// [[0], [1, 2], [3]]: which dimensions of `rank` are one on the other side, `count` from `dim` on.
std::string groups(std::size_t rank, std::size_t dim, std::size_t count) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < rank;) {
    const std::size_t size = i == dim ? count : 1;
    std::vector<std::size_t> group;
    for (std::size_t k = 0; k < size; ++k) group.push_back(i + k);
    parts.push_back(fmt::format("[{}]", fmt::join(group, ", ")));
    i += size;
  }
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

}  // namespace

// One iteration.

std::string MlirBody::fresh() { return writer_->name(); }

std::string MlirBody::line(const std::string& right) {
  const std::string made = fresh();
  writer_->put(indent_ + made + " = " + right);
  return made;
}

std::string MlirBody::real(double value, const char* type) {
  return line(fmt::format("arith.constant {} : {}", number(value, type), type));
}

std::string MlirBody::index(std::size_t dim, const char* type) {
  const std::string counter = writer_->form() == MlirForm::linalg
                                  ? line(fmt::format("linalg.index {} : index", dim))
                                  : counters_[dim];
  const std::string whole = line(fmt::format("arith.index_cast {} : index to i64", counter));
  return line(fmt::format("arith.sitofp {} : i64 to {}", whole, type));
}

std::string MlirBody::unary(const char* operation, const std::string& x, const char* type) {
  return line(fmt::format("{} {} : {}", operation, x, type));
}

std::string MlirBody::binary(const char* operation, const std::string& x, const std::string& y,
                             const char* type) {
  return line(fmt::format("{} {}, {} : {}", operation, x, y, type));
}

std::string MlirBody::select(const char* predicate, const std::string& left, const std::string& right,
                             const std::string& x, const std::string& y) {
  const std::string condition = line(fmt::format("arith.cmpf {}, {}, {} : f32", predicate, left, right));
  return line(fmt::format("arith.select {}, {}, {} : f32", condition, x, y));
}

std::string MlirBody::narrow(const std::string& x) {
  return line(fmt::format("arith.truncf {} : f64 to f32", x));
}

std::string MlirBody::lookup(const MlirValue& table, const std::string& row, std::size_t dim) {
  const bool linalg = writer_->form() == MlirForm::linalg;
  const std::string at = line(fmt::format("arith.index_cast {} : i64 to index", row));
  const std::string column = linalg ? line(fmt::format("linalg.index {} : index", dim)) : counters_[dim];
  return line(fmt::format("{} {}[{}, {}] : {}", linalg ? "tensor.extract" : "memref.load", table.name, at,
                          column, writer_->type(table)));
}

// Tensors.

std::string MlirWriter::shape_type(const char* kind, const Shape& shape, DataType type) const {
  std::string text = fmt::format("{}<", kind);
  for (const std::int64_t size : shape) text += fmt::format("{}x", size);
  return text + element(type) + ">";
}

std::string MlirWriter::type(const MlirValue& value) const {
  return form_ == MlirForm::linalg
             ? shape_type("tensor", value.shape, value.type)
             : shape_type("memref", value.buffer.empty() ? value.shape : value.buffer, value.type);
}

MlirValue MlirWriter::fresh(const Shape& shape, DataType type) {
  MlirValue value{name(), shape, type, {}, form_ == MlirForm::affine ? shape : Shape{}};
  if (form_ == MlirForm::linalg) {
    put(fmt::format("    {} = tensor.empty() : {}", value.name, this->type(value)));
  } else {
    buffers_.emplace_back(value.name, this->type(value));
  }
  return value;
}

MlirOperand MlirWriter::whole(const MlirValue& value) { return {value, dims(value.shape.size())}; }

MlirValue MlirWriter::filled(const Shape& shape, double value) {
  const MlirValue out = fresh(shape, DataType::float32);
  if (form_ == MlirForm::affine)
    return loops({shape, 0, {}, DataType::float32}, out, [&](MlirBody& body) { return body.real(value); });
  const std::string constant = name();
  put(fmt::format("    {} = arith.constant {} : f32", constant, number(value, "f32")));
  MlirValue result = out;
  result.name = name();
  put(fmt::format("    {} = linalg.fill ins({} : f32) outs({} : {}) -> {}", result.name, constant, out.name,
                  type(out), type(out)));
  return result;
}

MlirValue MlirWriter::map(const Shape& shape, const std::vector<MlirOperand>& operands, const Body& body,
                          DataType type) {
  const Nest nest{shape, 0, operands, type};
  const MlirValue out = fresh(shape, type);
  return form_ == MlirForm::linalg ? generic(nest, out, body) : loops(nest, out, body);
}

MlirValue MlirWriter::reduce(const Shape& domain, std::size_t reductions, double start,
                             const std::vector<MlirOperand>& operands, const Body& body) {
  const Nest nest{domain, reductions, operands, DataType::float32};
  const MlirValue out =
      filled({domain.begin(), domain.end() - static_cast<std::ptrdiff_t>(reductions)}, start);
  return form_ == MlirForm::linalg ? generic(nest, out, body) : loops(nest, out, body);
}

MlirValue MlirWriter::reduce(const Shape& domain, std::size_t reductions, const MlirOperand& start,
                             const std::vector<MlirOperand>& operands, const Body& body) {
  const Nest nest{domain, reductions, operands, DataType::float32};
  const MlirValue out = map({domain.begin(), domain.end() - static_cast<std::ptrdiff_t>(reductions)}, {start},
                            [](MlirBody& copy) { return copy.in(0); });
  return form_ == MlirForm::linalg ? generic(nest, out, body) : loops(nest, out, body);
}

/// linalg.generic. A dimension that no operand shows as it is gets an operand that only has a shape.
MlirValue MlirWriter::generic(const Nest& nest, const MlirValue& out, const Body& body) {
  const std::size_t rank = nest.domain.size(), kept = rank - nest.reductions;
  std::vector<std::string> maps, names, types, iterators, arguments;
  MlirBody one;
  one.writer_ = this;
  one.indent_ = "      ";
  std::vector<bool> shown(rank, false);
  std::fill(shown.begin(), shown.begin() + static_cast<std::ptrdiff_t>(kept), true);
  const auto add = [&](const MlirValue& value, const std::vector<std::string>& at) {
    for (const std::string& index : at)
      for (std::size_t k = 0; k < rank; ++k) shown[k] = shown[k] || index == fmt::format("d{}", k);
    maps.push_back(map_text(rank, at));
    names.push_back(value.name);
    types.push_back(type(value));
    const std::string argument = name();
    arguments.push_back(fmt::format("{}: {}", argument, element(value.type)));
    return argument;
  };
  for (const MlirOperand& operand : nest.operands) one.inputs_.push_back(add(operand.value, operand.at));
  Shape hidden;
  std::vector<std::string> hidden_at;
  for (std::size_t k = 0; k < rank; ++k)
    if (!shown[k]) hidden.push_back(nest.domain[k]), hidden_at.push_back(fmt::format("d{}", k));
  if (!hidden.empty()) add(fresh(hidden, DataType::float32), hidden_at);
  maps.push_back(map_text(rank, dims(kept)));
  one.out_ = name();
  arguments.push_back(fmt::format("{}: {}", one.out_, element(out.type)));
  for (std::size_t k = 0; k < rank; ++k) iterators.push_back(k < kept ? "\"parallel\"" : "\"reduction\"");

  MlirValue result = out;
  result.name = name();
  put(fmt::format(
      "    {} = linalg.generic {{indexing_maps = [{}], iterator_types = [{}]}}{} outs({} : {}) {{",
      result.name, fmt::join(maps, ", "), fmt::join(iterators, ", "),
      names.empty() ? "" : fmt::format(" ins({} : {})", fmt::join(names, ", "), fmt::join(types, ", ")),
      out.name, type(out)));
  put(fmt::format("    ^bb0({}):", fmt::join(arguments, ", ")));
  const std::string value = body(one);
  put(fmt::format("      linalg.yield {} : {}", value, element(out.type)));
  put(fmt::format("    }} -> {}", type(out)));
  return result;
}

/// affine.for around affine.load, the body, affine.store.
MlirValue MlirWriter::loops(const Nest& nest, const MlirValue& out, const Body& body) {
  MlirBody one;
  one.writer_ = this;
  one.indent_ = "    ";
  for (const std::int64_t size : nest.domain) {
    one.counters_.push_back(name());
    put(fmt::format("{}affine.for {} = 0 to {} {{", one.indent_, one.counters_.back(), size));
    one.indent_ += "  ";
  }
  const auto at = [&](const MlirValue& value, const std::vector<std::string>& expressions) {
    std::vector<std::string> indices;
    for (const std::string& expression : expressions) indices.push_back(renamed(expression, one.counters_));
    return fmt::format("{}[{}] : {}", value.name, place(value, std::move(indices)), type(value));
  };
  for (const MlirOperand& operand : nest.operands)
    one.inputs_.push_back(one.line("affine.load " + at(operand.value, operand.at)));
  const std::string target = at(out, dims(nest.domain.size() - nest.reductions));
  if (nest.reductions > 0) one.out_ = one.line("affine.load " + target);
  const std::string value = body(one);
  put(fmt::format("{}affine.store {}, {}", one.indent_, value, target));
  for (std::size_t i = nest.domain.size(); i-- > 0;) put(std::string(4 + 2 * i, ' ') + "}");
  return out;
}

/// An index of the value as one of its buffer.
std::string MlirWriter::place(const MlirValue& value, std::vector<std::string> at) const {
  for (auto view = value.views.rbegin(); view != value.views.rend(); ++view) {
    const auto dim = at.begin() + static_cast<std::ptrdiff_t>(view->dim);
    if (view->kind == MlirValue::View::Kind::slice) {
      if (view->begin != 0) *dim = fmt::format("({}) + {}", *dim, view->begin);
    } else if (view->kind == MlirValue::View::Kind::split) {
      std::string flat = fmt::format("({})", *dim);
      for (std::size_t k = 1; k < view->sizes.size(); ++k)
        flat = fmt::format("({} * {} + ({}))", flat, view->sizes[k], *(dim + static_cast<std::ptrdiff_t>(k)));
      *dim = flat;
      at.erase(dim + 1, dim + static_cast<std::ptrdiff_t>(view->sizes.size()));
    } else {
      const std::string flat = fmt::format("({})", *dim);
      std::vector<std::string> parts;
      std::int64_t inner = 1;
      for (std::size_t k = view->sizes.size(); k-- > 0;) {
        std::string part = inner == 1 ? flat : fmt::format("({} floordiv {})", flat, inner);
        if (k > 0) part = fmt::format("({} mod {})", part, view->sizes[k]);
        parts.insert(parts.begin(), part);
        inner *= view->sizes[k];
      }
      *dim = parts[0];
      at.insert(dim + 1, parts.begin() + 1, parts.end());
    }
  }
  return fmt::format("{}", fmt::join(at, ", "));
}

// Views.

MlirValue MlirWriter::split(const MlirValue& value, std::size_t dim, const Shape& sizes) {
  MlirValue result = value;
  result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(dim));
  result.shape.insert(result.shape.begin() + static_cast<std::ptrdiff_t>(dim), sizes.begin(), sizes.end());
  if (form_ == MlirForm::affine && !value.views.empty()) {
    result.views.push_back({MlirValue::View::Kind::split, dim, sizes, 0});
    return result;
  }
  if (form_ == MlirForm::affine) result.buffer = result.shape;
  result.name = name();
  put(fmt::format("    {} = {}.expand_shape {} {} output_shape [{}] : {} into {}", result.name, kind(),
                  value.name, groups(result.shape.size(), dim, sizes.size()), fmt::join(result.shape, ", "),
                  type(value), type(result)));
  return result;
}

MlirValue MlirWriter::merge(const MlirValue& value, std::size_t dim, std::size_t count) {
  MlirValue result = value;
  const auto first = value.shape.begin() + static_cast<std::ptrdiff_t>(dim);
  const Shape sizes(first, first + static_cast<std::ptrdiff_t>(count));
  result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(dim) + 1,
                     result.shape.begin() + static_cast<std::ptrdiff_t>(dim + count));
  result.shape[dim] = element_count(sizes);
  if (form_ == MlirForm::affine && !value.views.empty()) {
    result.views.push_back({MlirValue::View::Kind::merge, dim, sizes, 0});
    return result;
  }
  if (form_ == MlirForm::affine) result.buffer = result.shape;
  result.name = name();
  put(fmt::format("    {} = {}.collapse_shape {} {} : {} into {}", result.name, kind(), value.name,
                  groups(value.shape.size(), dim, count), type(value), type(result)));
  return result;
}

MlirValue MlirWriter::slice(const MlirValue& value, std::size_t dim, std::int64_t begin, std::int64_t size) {
  if (begin == 0 && size == value.shape[dim]) return value;
  MlirValue result = value;
  result.shape[dim] = size;
  if (form_ == MlirForm::affine) {
    result.views.push_back({MlirValue::View::Kind::slice, dim, {}, begin});
    return result;
  }
  std::vector<std::int64_t> offsets(value.shape.size(), 0), strides(value.shape.size(), 1);
  offsets[dim] = begin;
  result.name = name();
  put(fmt::format("    {} = tensor.extract_slice {}[{}] [{}] [{}] : {} to {}", result.name, value.name,
                  fmt::join(offsets, ", "), fmt::join(result.shape, ", "), fmt::join(strides, ", "),
                  type(value), type(result)));
  return result;
}

void MlirWriter::copy(const MlirValue& from, const MlirValue& to) {
  loops({from.shape, 0, {whole(from)}, from.type}, to, [](MlirBody& body) { return body.in(0); });
}

MlirValue MlirWriter::concat(const std::vector<MlirValue>& values, std::size_t dim) {
  Shape shape = values[0].shape;
  shape[dim] = 0;
  for (const MlirValue& value : values) shape[dim] += value.shape[dim];
  MlirValue whole = fresh(shape, values[0].type);
  std::int64_t begin = 0;
  for (const MlirValue& value : values) {
    if (form_ == MlirForm::affine) {
      MlirValue part = whole;
      part.shape[dim] = value.shape[dim];
      part.views.push_back({MlirValue::View::Kind::slice, dim, {}, begin});
      copy(value, part);
    } else {
      std::vector<std::int64_t> offsets(shape.size(), 0), strides(shape.size(), 1);
      offsets[dim] = begin;
      const std::string made = name();
      put(fmt::format("    {} = tensor.insert_slice {} into {}[{}] [{}] [{}] : {} into {}", made, value.name,
                      whole.name, fmt::join(offsets, ", "), fmt::join(value.shape, ", "),
                      fmt::join(strides, ", "), type(value), type(whole)));
      whole.name = made;
    }
    begin += value.shape[dim];
  }
  return whole;
}

MlirValue MlirWriter::pad(const MlirValue& value, std::size_t dim, std::int64_t low, std::int64_t high,
                          double border) {
  Shape shape = value.shape;
  shape[dim] += low + high;
  shape[dim + 1] += low + high;
  if (form_ == MlirForm::affine) {
    const MlirValue whole = filled(shape, border);
    MlirValue part = whole;
    part.shape = value.shape;
    for (const std::size_t k : {dim, dim + 1})
      part.views.push_back({MlirValue::View::Kind::slice, k, {}, low});
    copy(value, part);
    return whole;
  }
  std::vector<std::int64_t> before(shape.size(), 0), after(shape.size(), 0);
  for (const std::size_t k : {dim, dim + 1}) before[k] = low, after[k] = high;
  MlirValue result{name(), shape, value.type, {}, {}};
  const std::string constant = name();
  std::vector<std::string> arguments;
  for (std::size_t k = 0; k < shape.size(); ++k) arguments.push_back(name() + ": index");
  put(fmt::format("    {} = arith.constant {} : f32", constant, number(border, "f32")));
  put(fmt::format("    {} = tensor.pad {} low[{}] high[{}] {{", result.name, value.name,
                  fmt::join(before, ", "), fmt::join(after, ", ")));
  put(fmt::format("    ^bb0({}):", fmt::join(arguments, ", ")));
  put(fmt::format("      tensor.yield {} : f32", constant));
  put(fmt::format("    }} : {} to {}", type(value), type(result)));
  return result;
}

}  // namespace hone::graph
