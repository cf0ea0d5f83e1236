#include "server/store/sqlite_apply.h"

#include <fmt/format.h>

#include "engine/core/status.h"
#include "server/store/checks.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_rows.h"

namespace bitscape::server {
namespace {

std::string InsertOrReplace(std::string_view table, std::string_view columns) {
  return fmt::format("INSERT OR REPLACE INTO {} ({}) VALUES ({})", table, columns,
                     Placeholders(columns));
}

absl::Status AppendSlice(Connection& connection, const SliceRecord& slice) {
  int64_t held = 0;
  {
    BITSCAPE_ASSIGN_OR_RETURN(
        Statement last, connection.Prepare("SELECT begin_image + images FROM slice WHERE "
                                           "accuracy_key = ? ORDER BY begin_image DESC LIMIT 1"));
    last.Bind(std::string_view(slice.key));
    BITSCAPE_ASSIGN_OR_RETURN(const bool found, last.Step());
    held = found ? last.Integer(0) : 0;
  }
  if (slice.begin != held) {
    return SliceDoesNotFollow(slice, held);
  }
  const std::string bits = PackBits(slice.correct);
  BITSCAPE_ASSIGN_OR_RETURN(
      Statement insert, connection.Prepare("INSERT INTO slice (accuracy_key, begin_image, "
                                           "images, correct, loss_sum) VALUES (?, ?, ?, ?, ?)"));
  insert.Bind(std::string_view(slice.key))
      .Bind(slice.begin)
      .Bind(static_cast<int64_t>(slice.correct.size()))
      .BindBlob(bits)
      .Bind(slice.loss_sum);
  return insert.Run();
}

absl::Status ReplaceResource(Connection& connection, const StoredResource& resource) {
  const auto kind = static_cast<int64_t>(resource.kind);
  {
    BITSCAPE_ASSIGN_OR_RETURN(Statement insert, connection.Prepare(InsertOrReplace(
                                                    "resource", "kind, name, digest, metadata")));
    insert.Bind(kind)
        .Bind(std::string_view(resource.name))
        .Bind(std::string_view(resource.digest))
        .Bind(std::string_view(resource.metadata));
    BITSCAPE_RETURN_IF_ERROR(insert.Run());
    BITSCAPE_ASSIGN_OR_RETURN(
        Statement remove,
        connection.Prepare("DELETE FROM resource_blob WHERE kind = ? AND name = ?"));
    remove.Bind(kind).Bind(std::string_view(resource.name));
    BITSCAPE_RETURN_IF_ERROR(remove.Run());
  }
  for (size_t position = 0; position < resource.blobs.size(); ++position) {
    BITSCAPE_ASSIGN_OR_RETURN(
        Statement insert,
        connection.Prepare(InsertOrReplace("resource_blob", "kind, name, position, bytes")));
    insert.Bind(kind)
        .Bind(std::string_view(resource.name))
        .Bind(static_cast<int64_t>(position))
        .BindBlob(resource.blobs[position]);
    BITSCAPE_RETURN_IF_ERROR(Annotate(
        insert.Run(), fmt::format("{} '{}', file {} of {} bytes", ToString(resource.kind),
                                  resource.name, position, resource.blobs[position].size())));
  }
  return absl::OkStatus();
}

absl::Status RememberRequest(Connection& connection, const WriteBatch& batch) {
  {
    BITSCAPE_ASSIGN_OR_RETURN(Statement find,
                              connection.Prepare("SELECT 1 FROM request WHERE id = ?"));
    find.Bind(std::string_view(batch.request_id));
    BITSCAPE_ASSIGN_OR_RETURN(const bool found, find.Step());
    if (found) {
      return RequestIdInUse(batch.request_id);
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(Statement insert,
                            connection.Prepare("INSERT INTO request (id, sweep) VALUES (?, ?)"));
  insert.Bind(std::string_view(batch.request_id)).Bind(std::string_view(batch.request_sweep));
  return insert.Run();
}

}  // namespace

absl::Status ApplyBatch(Connection& connection, const WriteBatch& batch, int64_t revision) {
  static const std::string* const sweep_sql =
      new std::string(InsertOrReplace("sweep", kSweepColumns));
  static const std::string* const trial_sql =
      new std::string(InsertOrReplace("trial", kTrialColumns));
  for (const Sweep& sweep : batch.sweeps) {
    BITSCAPE_ASSIGN_OR_RETURN(Statement statement, connection.Prepare(*sweep_sql));
    BITSCAPE_RETURN_IF_ERROR(WriteSweep(std::move(statement), sweep, revision));
  }
  for (const Trial& trial : batch.trials) {
    BITSCAPE_ASSIGN_OR_RETURN(Statement statement, connection.Prepare(*trial_sql));
    BITSCAPE_RETURN_IF_ERROR(WriteTrial(std::move(statement), trial, revision));
  }
  for (const SliceRecord& slice : batch.slices) {
    BITSCAPE_RETURN_IF_ERROR(AppendSlice(connection, slice));
  }
  for (const StoredResource& resource : batch.resources) {
    BITSCAPE_RETURN_IF_ERROR(ReplaceResource(connection, resource));
  }
  return batch.request_id.empty() ? absl::OkStatus() : RememberRequest(connection, batch);
}

}  // namespace bitscape::server
