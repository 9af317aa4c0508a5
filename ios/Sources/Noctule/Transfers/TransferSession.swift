import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif
import NoctuleBindings

/// The system's side of transfers: begins a task, and hears how it ended, perhaps in a later
/// process.
///
/// A background session of the system moves bytes while the app is frozen or gone, and starts it
/// again when it is done. It takes bodies from files and gives what came as files, so that is how
/// an ordinary session is used as well.
final class TransferSession: NSObject, @unchecked Sendable {
    /// Told of each transfer that has ended, on a queue of the session.
    typealias Ended = @Sendable (String, TransferOutcome) -> Void

    /// What an answer to an upload may be long: the library looks at no more.
    private static let answerBytesMax = 64 * 1_024

    private struct Progress {
        var answers: [Int: Data] = [:]
        var problems: [Int: String] = [:]
        var finished: Set<Int> = []
    }

    // Sendable since all that changes is `progress`, and `session`, which `init` alone sets.
    private let progress = Locked(Progress())
    private let ended: Ended
    private let eventsDone: @Sendable () -> Void
    private var session: URLSession!

    init(
        _ configuration: URLSessionConfiguration,
        eventsDone: @escaping @Sendable () -> Void,
        ended: @escaping Ended
    ) {
        self.ended = ended
        self.eventsDone = eventsDone
        super.init()
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        queue.name = "app.noctule.transfers"
        session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    }

    /// Begins to send the file that `parcel` names.
    func send(_ request: URLRequest, _ file: URL, _ parcel: Parcel) {
        begin(session.uploadTask(with: request, fromFile: file), parcel)
    }

    /// Begins to fetch what `parcel` wants.
    func fetch(_ request: URLRequest, _ parcel: Parcel) {
        begin(session.downloadTask(with: request), parcel)
    }

    private func begin(_ task: URLSessionTask, _ parcel: Parcel) {
        task.taskDescription = parcel.description
        task.resume()
    }

    /// Ids of the transfers that are under way, also those of an earlier process.
    func underWay() async -> [String] {
        await withCheckedContinuation { continuation in
            session.getAllTasks { [progress] tasks in
                // A session may still list a task whose end it has told.
                let finished = progress.with { $0.finished }
                let ids = tasks.filter { !finished.contains($0.taskIdentifier) }
                    .compactMap { Parcel($0.taskDescription)?.id }
                continuation.resume(returning: ids)
            }
        }
    }

    /// Ends what is under way. The session cannot be used any more.
    func invalidate() {
        session.invalidateAndCancel()
    }

    private func finished(_ task: URLSessionTask, _ error: (any Error)?) {
        let (answer, problem) = progress.with { progress in
            progress.finished.insert(task.taskIdentifier)
            return (progress.answers.removeValue(forKey: task.taskIdentifier) ?? Data(),
                    progress.problems.removeValue(forKey: task.taskIdentifier))
        }
        guard let parcel = Parcel(task.taskDescription) else { return }
        if let body = parcel.body { try? FileManager.default.removeItem(atPath: body) }
        ended(parcel.id, outcome(task, parcel, answer, problem ?? error.map { "\($0)" }))
    }

    private func outcome(
        _ task: URLSessionTask,
        _ parcel: Parcel,
        _ answer: Data,
        _ problem: String?
    ) -> TransferOutcome {
        if let problem { return .noAnswer(reason: problem) }
        guard let response = task.response as? HTTPURLResponse else {
            return .noAnswer(reason: "no answer in HTTP")
        }
        return .answer(
            status: UInt16(clamping: response.statusCode),
            body: parcel.destination == nil ? answer : Data(),
            retryAfterS: retryAfterSeconds(response.value(forHTTPHeaderField: "Retry-After"))
        )
    }
}

extension TransferSession: URLSessionDataDelegate, URLSessionDownloadDelegate {
    func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        progress.with { progress in
            let old = progress.answers[dataTask.taskIdentifier] ?? Data()
            let room = Self.answerBytesMax - old.count
            progress.answers[dataTask.taskIdentifier] = old + data.prefix(room)
        }
    }

    func urlSession(
        _: URLSession,
        downloadTask: URLSessionDownloadTask,
        didFinishDownloadingTo location: URL
    ) {
        guard let parcel = Parcel(downloadTask.taskDescription) else { return }
        let status = (downloadTask.response as? HTTPURLResponse)?.statusCode ?? 0
        do {
            // Before this returns: the system removes the file then.
            try parcel.place(location, status: status)
        } catch {
            progress.with { $0.problems[downloadTask.taskIdentifier] = "\(error)" }
        }
    }

    func urlSession(
        _: URLSession,
        downloadTask: URLSessionDownloadTask,
        didWriteData _: Int64,
        totalBytesWritten total: Int64,
        totalBytesExpectedToWrite _: Int64
    ) {
        guard let parcel = Parcel(downloadTask.taskDescription),
            UInt64(clamping: total) > parcel.end
        else { return }
        // A server that sends without end must not fill the disk.
        let problem = "the server sends more than \(parcel.end) bytes"
        progress.with { $0.problems[downloadTask.taskIdentifier] = problem }
        downloadTask.cancel()
    }

    func urlSession(
        _: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection _: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        // Feedback was not said to whoever an answer points to.
        let isUpload = Parcel(task.taskDescription)?.body != nil
        completionHandler(isUpload ? nil : request)
    }

    func urlSession(
        _: URLSession,
        task: URLSessionTask,
        didCompleteWithError error: (any Error)?
    ) {
        finished(task, error)
    }

    #if canImport(Darwin)
    func urlSessionDidFinishEvents(forBackgroundURLSession _: URLSession) {
        eventsDone()
    }
    #endif
}
