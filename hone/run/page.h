#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hone/base/json.h"

namespace hone::run {

/// Text that may stand in an HTML document or an attribute.
std::string html_escaped(std::string_view text);

/// JSON that may stand inside a <script> element: '<', '>' and '&' only occur within JSON's strings, where
/// their \u form means the same, and without them no text can end the element or open a comment.
std::string embeddable_json(const Json& data);

/// A page from its template: `part` gives what stands for {{NAME}}. One pass: what is put in is never
/// searched for placeholders.
std::string filled_page(std::string_view page, const std::function<std::string(std::string_view)>& part);

/// What every page begins with, down to the end of its head: nothing is loaded from a network.
std::string page_head(std::string_view title, std::string_view style);

/// The program of a page of plots: what all of them share (web/page.js), then its own.
std::string plot_program(std::string_view own);

}  // namespace hone::run
