import NoctuleBindings

// The records of the library, under one name that an app can always say: a type called `Status` or
// `Network` is in other modules too, and `Noctule.Status` is only here.
extension Noctule {
    public typealias Recommendations = NoctuleBindings.Recommendations
    public typealias RecommendedItem = NoctuleBindings.RecommendedItem
    public typealias Tier = NoctuleBindings.Tier
    public typealias EmptyReason = NoctuleBindings.EmptyReason
    public typealias Reason = NoctuleBindings.Reason
    public typealias ReasonKind = NoctuleBindings.ReasonKind

    public typealias FeedbackEvent = NoctuleBindings.FeedbackEvent
    public typealias EventKind = NoctuleBindings.EventKind
    public typealias EventDetail = NoctuleBindings.EventDetail
    public typealias Detail = NoctuleBindings.Detail
    public typealias Durability = NoctuleBindings.Durability
    public typealias Receipt = NoctuleBindings.Receipt
    public typealias KindSchema = NoctuleBindings.KindSchema
    public typealias FieldSchema = NoctuleBindings.FieldSchema
    public typealias FieldType = NoctuleBindings.FieldType

    public typealias DataConsent = NoctuleBindings.DataConsent
    public typealias Consent = NoctuleBindings.Consent
    public typealias GeoPoint = NoctuleBindings.GeoPoint

    public typealias ReleaseName = NoctuleBindings.ReleaseName
    public typealias Releases = NoctuleBindings.Releases
    public typealias GivenUpRelease = NoctuleBindings.GivenUpRelease
    public typealias Policy = NoctuleBindings.Policy
    public typealias Status = NoctuleBindings.Status
    public typealias Diagnosis = NoctuleBindings.Diagnosis
    public typealias Finding = NoctuleBindings.Finding
    public typealias FindingLevel = NoctuleBindings.FindingLevel

    public typealias Conditions = NoctuleBindings.Conditions
    public typealias Thermal = NoctuleBindings.Thermal
    public typealias Decision = NoctuleBindings.Decision
    public typealias RunReason = NoctuleBindings.RunReason
    public typealias NotYetReason = NoctuleBindings.NotYetReason
    public typealias Budget = NoctuleBindings.Budget
    public typealias NightStep = NoctuleBindings.NightStep
    public typealias NightReport = NoctuleBindings.NightReport
    public typealias NightOutcome = NoctuleBindings.NightOutcome
    public typealias StopReason = NoctuleBindings.StopReason
    public typealias NightJournal = NoctuleBindings.NightJournal
    public typealias NightRun = NoctuleBindings.NightRun
    public typealias RunOutcome = NoctuleBindings.RunOutcome
    public typealias Refusals = NoctuleBindings.Refusals

    public typealias Network = NoctuleBindings.Network
    public typealias Transfer = NoctuleBindings.Transfer
    public typealias TransferOutcome = NoctuleBindings.TransferOutcome
    public typealias UploadRequest = NoctuleBindings.UploadRequest
    public typealias FetchRequest = NoctuleBindings.FetchRequest
    public typealias Header = NoctuleBindings.Header

    public typealias WidgetSlate = NoctuleBindings.WidgetSlate
    public typealias WidgetSlot = NoctuleBindings.WidgetSlot
    public typealias WidgetReason = NoctuleBindings.WidgetReason
    public typealias WidgetReasonKind = NoctuleBindings.WidgetReasonKind
}
