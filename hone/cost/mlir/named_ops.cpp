// linalg's named operations: which loops they are, in the notation of sums over indices.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

struct Named {
  std::string_view name;
  Layout layout;
};

// Loop orders and layouts are those of the LinalgOps definitions.
constexpr Named kNamed[] = {
    {"linalg.matmul", {"mnk", "mk,kn,mn", "k"}},
    {"linalg.matmul_unsigned", {"mnk", "mk,kn,mn", "k"}},
    {"linalg.matmul_transpose_a", {"mnk", "km,kn,mn", "k"}},
    {"linalg.matmul_transpose_b", {"mnk", "mk,nk,mn", "k"}},
    {"linalg.batch_matmul", {"bmnk", "bmk,bkn,bmn", "k"}},
    {"linalg.batch_matmul_transpose_a", {"bmnk", "bkm,bkn,bmn", "k"}},
    {"linalg.batch_matmul_transpose_b", {"bmnk", "bmk,bnk,bmn", "k"}},
    {"linalg.batch_reduce_matmul", {"bmnk", "bmk,bkn,mn", "bk"}},
    {"linalg.matvec", {"mn", "mn,n,m", "n"}},
    {"linalg.vecmat", {"nm", "m,mn,n", "m"}},
    {"linalg.batch_matvec", {"bmk", "bmk,bk,bm", "k"}},
    {"linalg.batch_vecmat", {"bnk", "bk,bkn,bn", "k"}},
    {"linalg.dot", {"m", "m,m,", "m"}},
    {"linalg.mmt4d", {"mnkpqr", "mkpr,nkqr,mnpq", "kr"}},
    {"linalg.conv_1d", {"wp", "(w+p),p,w", "p"}},
    {"linalg.conv_2d", {"hwpq", "(h+p)(w+q),pq,hw", "pq"}},
    {"linalg.conv_3d", {"dhwopq", "(d+o)(h+p)(w+q),opq,dhw", "opq"}},
    {"linalg.conv_1d_nwc_wcf", {"nwfpc", "n(w*s+p*d)c,pcf,nwf", "pc"}},
    {"linalg.conv_1d_ncw_fcw", {"nfwcp", "nc(w*s+p*d),fcp,nfw", "cp"}},
    {"linalg.conv_2d_nhwc_hwcf", {"nhwfpqc", "n(h*s+p*d)(w*s+q*d)c,pqcf,nhwf", "pqc"}},
    {"linalg.conv_2d_nhwc_fhwc", {"nhwfpqc", "n(h*s+p*d)(w*s+q*d)c,fpqc,nhwf", "pqc"}},
    {"linalg.conv_2d_nchw_fchw", {"nfhwcpq", "nc(h*s+p*d)(w*s+q*d),fcpq,nfhw", "cpq"}},
    {"linalg.conv_2d_ngchw_fgchw", {"ngfhwcpq", "ngc(h*s+p*d)(w*s+q*d),fgcpq,ngfhw", "cpq"}},
    {"linalg.conv_2d_ngchw_gfchw", {"ngfhwcpq", "ngc(h*s+p*d)(w*s+q*d),gfcpq,ngfhw", "cpq"}},
    {"linalg.conv_3d_ndhwc_dhwcf", {"ndhwfopqc", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opqcf,ndhwf", "opqc"}},
    {"linalg.conv_3d_ncdhw_fcdhw", {"ndhwfopqc", "nc(d*s+o*d)(h*s+p*d)(w*s+q*d),fcopq,nfdhw", "opqc"}},
    {"linalg.depthwise_conv_1d_nwc_wc", {"nwcp", "n(w*s+p*d)c,pc,nwc", "p"}},
    {"linalg.depthwise_conv_1d_nwc_wcm", {"nwcmp", "n(w*s+p*d)c,pcm,nwcm", "p"}},
    {"linalg.depthwise_conv_1d_ncw_cw", {"nwcp", "nc(w*s+p*d),cp,ncw", "p"}},
    {"linalg.depthwise_conv_2d_nhwc_hwc", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pqc,nhwc", "pq"}},
    {"linalg.depthwise_conv_2d_nchw_chw", {"nhwcpq", "nc(h*s+p*d)(w*s+q*d),cpq,nchw", "pq"}},
    {"linalg.depthwise_conv_2d_nhwc_hwcm", {"nhwcmpq", "n(h*s+p*d)(w*s+q*d)c,pqcm,nhwcm", "pq"}},
    {"linalg.depthwise_conv_3d_ndhwc_dhwc", {"ndhwopqc", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opqc,ndhwc", "opq"}},
    {"linalg.depthwise_conv_3d_ndhwc_dhwcm",
     {"ndhwmopqc", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opqcm,ndhwcm", "opq"}},
    {"linalg.depthwise_conv_3d_ncdhw_cdhw", {"ndhwopqc", "nc(d*s+o*d)(h*s+p*d)(w*s+q*d),copq,ncdhw", "opq"}},
    {"linalg.pooling_nhwc_sum", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pq,nhwc", "pq", true}},
    {"linalg.pooling_nhwc_max", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pq,nhwc", "pq", true}},
    {"linalg.pooling_nhwc_min", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pq,nhwc", "pq", true}},
    {"linalg.pooling_nhwc_max_unsigned", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pq,nhwc", "pq", true}},
    {"linalg.pooling_nhwc_min_unsigned", {"nhwcpq", "n(h*s+p*d)(w*s+q*d)c,pq,nhwc", "pq", true}},
    {"linalg.pooling_nchw_sum", {"nchwpq", "nc(h*s+p*d)(w*s+q*d),pq,nchw", "pq", true}},
    {"linalg.pooling_nchw_max", {"nchwpq", "nc(h*s+p*d)(w*s+q*d),pq,nchw", "pq", true}},
    {"linalg.pooling_nwc_sum", {"nwcp", "n(w*s+p*d)c,p,nwc", "p", true}},
    {"linalg.pooling_nwc_max", {"nwcp", "n(w*s+p*d)c,p,nwc", "p", true}},
    {"linalg.pooling_nwc_min", {"nwcp", "n(w*s+p*d)c,p,nwc", "p", true}},
    {"linalg.pooling_nwc_max_unsigned", {"nwcp", "n(w*s+p*d)c,p,nwc", "p", true}},
    {"linalg.pooling_nwc_min_unsigned", {"nwcp", "n(w*s+p*d)c,p,nwc", "p", true}},
    {"linalg.pooling_ncw_sum", {"ncwp", "nc(w*s+p*d),p,ncw", "p", true}},
    {"linalg.pooling_ncw_max", {"ncwp", "nc(w*s+p*d),p,ncw", "p", true}},
    {"linalg.pooling_ndhwc_sum", {"ndhwcopq", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opq,ndhwc", "opq", true}},
    {"linalg.pooling_ndhwc_max", {"ndhwcopq", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opq,ndhwc", "opq", true}},
    {"linalg.pooling_ndhwc_min", {"ndhwcopq", "n(d*s+o*d)(h*s+p*d)(w*s+q*d)c,opq,ndhwc", "opq", true}},
};

}  // namespace

std::optional<Domain> named_domain(const Module& module, const Operation& operation,
                                   std::vector<Work>& combine) {
  const auto* named = std::find_if(std::begin(kNamed), std::end(kNamed),
                                   [&](const Named& one) { return one.name == operation.name; });
  if (named == std::end(kNamed)) return std::nullopt;
  const auto settings = [&](const char* name) {
    const Attribute* attribute = module.attribute(operation, name);
    return attribute == nullptr ? std::vector<std::int64_t>() : module.integers(*attribute);
  };
  const std::vector<std::int64_t> strides = settings("strides"), dilations = settings("dilations");
  std::optional<Domain> domain =
      domain_of(module, named->layout, span_of(operation.operands), strides, dilations);
  if (!domain) return std::nullopt;
  if (named->layout.windows) {
    combine = {operation.name.find("sum") != std::string_view::npos ? Work::add : Work::compare};
  } else {
    combine = {Work::multiply, Work::add};
  }
  return domain;
}

std::optional<Domain> domain_of(const Module& module, const Layout& layout, std::span<const int> values,
                                std::span<const std::int64_t> strides,
                                std::span<const std::int64_t> dilations) {
  Domain domain;
  domain.sizes.assign(layout.loops.size(), kDynamic);
  for (const char loop : layout.loops)
    domain.reduction.push_back(layout.reductions.find(loop) != std::string_view::npos);
  const auto number = [&](char loop) { return static_cast<int>(layout.loops.find(loop)); };

  std::string_view left = layout.operands;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t comma = std::min(left.find(','), left.size());
    const std::string_view indices = left.substr(0, comma);
    left.remove_prefix(std::min(comma + 1, left.size()));
    Domain::Operand operand;
    operand.value = values[i];
    std::size_t window = 0;
    for (std::size_t k = 0; k < indices.size(); ++k) {
      auto& dimension = operand.indices.emplace_back();
      if (indices[k] == '-') continue;
      if (indices[k] != '(') {
        dimension.emplace_back(number(indices[k]), 1);
        continue;
      }
      const std::size_t close = indices.find(')', k);
      const std::string_view inside = indices.substr(k + 1, close - k - 1);
      const std::size_t plus = inside.find('+');
      if (inside.find("*k") != std::string_view::npos) {
        const std::int64_t inner = domain.sizes[static_cast<std::size_t>(number(inside[plus + 1]))];
        dimension.emplace_back(number(inside[0]), inner == kDynamic ? 1 : inner);
        dimension.emplace_back(number(inside[plus + 1]), 1);
        k = close;
        continue;
      }
      const std::int64_t stride =
          inside.find("*s") != std::string_view::npos && window < strides.size() ? strides[window] : 1;
      const std::int64_t dilation =
          inside.find("*d") != std::string_view::npos && window < dilations.size() ? dilations[window] : 1;
      dimension.emplace_back(number(inside[0]), stride);
      dimension.emplace_back(number(inside[plus + 1]), dilation);
      ++window;
      k = close;
    }
    const std::vector<std::int64_t>& shape = module.type_of(operand.value).shape;
    if (shape.size() != operand.indices.size()) return std::nullopt;
    for (const auto& dimension : operand.indices)
      for (const auto& [loop, by] : dimension)
        if (loop < 0) return std::nullopt;
    for (std::size_t k = 0; k < shape.size(); ++k)
      if (operand.indices[k].size() == 1 && shape[k] != kDynamic)
        domain.sizes[static_cast<std::size_t>(operand.indices[k][0].first)] = shape[k];
    const bool output = i + 1 == values.size();
    if (layout.windows && i == 1) continue;
    domain.operands.push_back(operand);
    if (output) {
      operand.store = true;
      domain.operands.push_back(std::move(operand));
    }
  }
  if (!left.empty()) return std::nullopt;
  return domain;
}

std::vector<std::int64_t> constants(const Module& module, int value) {
  const int definer = value < 0 ? -1 : module.values[static_cast<std::size_t>(value)].operation;
  if (definer < 0) return {};
  const Operation& operation = module.operations[static_cast<std::size_t>(definer)];
  if (operation.name.ends_with("ListConstruct")) {
    std::vector<std::int64_t> list;
    for (const int operand : operation.operands) {
      const std::vector<std::int64_t> one = constants(module, operand);
      if (one.size() != 1) return {};
      list.push_back(one[0]);
    }
    return list;
  }
  if (operation.name.find("const") == std::string_view::npos || operation.attributes.empty()) return {};
  const Attribute* attribute = module.attribute(operation, "value");
  if (attribute == nullptr) attribute = module.attribute(operation, "values");
  if (attribute == nullptr)
    attribute = &module.attributes[static_cast<std::size_t>(operation.attributes.back().second)];
  return module.integers(*attribute);
}

}  // namespace hone::cost::mlir
