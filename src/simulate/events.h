#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

/// What can happen in the simulator, as diagnostic lines. It has no metrics: it is not part of the
/// pipeline, and Server::counts has its numbers.
namespace tapeline::simulate::events {

void listening(std::string_view url, std::string_view feed_label);
void session_opened(int64_t connection, std::string_view peer);
void session_closed(int64_t connection, int64_t frames);
void session_refused(int status, std::string_view peer);
void recording_ended(uint64_t frames, uint64_t rows_skipped);
void recording_failed(const Error& error);
void ledger_failed(const Error& error);
/// The market stood still for `seconds`, by a suspended machine or a clock that was set.
void market_skipped(double seconds);

}  // namespace tapeline::simulate::events
