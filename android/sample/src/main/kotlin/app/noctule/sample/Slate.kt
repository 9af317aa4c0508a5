package app.noctule.sample

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.safeDrawingPadding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.Card
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.SnackbarHost
import androidx.compose.material3.SnackbarHostState
import androidx.compose.material3.SnackbarResult
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import app.noctule.Budget
import app.noctule.DataConsent
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.ReasonKind
import app.noctule.Recommendations
import app.noctule.RecommendedItem
import app.noctule.click
import app.noctule.hide
import app.noctule.impressions
import app.noctule.undo
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch

/** The slate, with the reasons of each item, hiding with an undo, and a night at the press of a button. */
@Composable
fun Slate(noctule: Noctule, onDebug: () -> Unit) {
    val slates = remember(noctule) { noctule.slates(SampleApp.SURFACE) }
    val first = remember(noctule) { noctule.recommend(SampleApp.SURFACE).getOrNull() }
    val slate by slates.collectAsState(initial = first)
    val snackbar = remember { SnackbarHostState() }
    val scope = rememberCoroutineScope()
    val context = LocalContext.current
    var night by remember { mutableStateOf<Job?>(null) }

    fun hide(shown: Recommendations, item: RecommendedItem) = scope.launch {
        val event = shown.hide(item)
        noctule.record(listOf(event))
        val said = snackbar.showSnackbar(
            context.getString(R.string.hidden, item.title),
            context.getString(R.string.undo),
        )
        if (said == SnackbarResult.ActionPerformed) noctule.record(listOf(undo(event)))
    }

    Scaffold(
        modifier = Modifier.safeDrawingPadding(),
        snackbarHost = { SnackbarHost(snackbar) },
    ) { padding ->
        Column(Modifier.padding(padding).fillMaxSize()) {
            Row(horizontalArrangement = Arrangement.spacedBy(8.dp), modifier = Modifier.padding(8.dp)) {
                val running = night?.isActive == true
                Button(onClick = {
                    // Cancelling the job stops the night for real, within a slate.
                    if (running) night?.cancel() else {
                        night = scope.launch { noctule.runNight(Budget()); night = null }
                    }
                }) { Text(stringResource(if (running) R.string.stop else R.string.night_now)) }
                TextButton(onClick = onDebug) { Text(stringResource(R.string.debug)) }
            }
            if (night != null) LinearProgressIndicator(Modifier.fillMaxWidth())
            slate?.let { shown ->
                Impressions(noctule, shown)
                Items(shown, { hide(shown, it) }, { scope.launch { noctule.forgetItems(listOf(it)) } }) {
                    scope.launch { noctule.record(listOf(shown.click(it))) }
                }
            }
        }
    }
}

/** A screen is recorded in one call, once for each slate that was really shown. */
@Composable
private fun Impressions(noctule: Noctule, slate: Recommendations) {
    LaunchedEffect(slate.generation, slate.context) {
        if (slate.items.isNotEmpty()) noctule.record(slate.impressions())
    }
}

@Composable
private fun Items(
    slate: Recommendations,
    onHide: (RecommendedItem) -> Unit,
    onForget: (String) -> Unit,
    onClick: (RecommendedItem) -> Unit,
) {
    slate.emptyReason?.let {
        Text(stringResource(R.string.nothing, it.name), Modifier.padding(16.dp))
    }
    LazyColumn {
        items(slate.items, key = { it.item }) { item ->
            ItemCard(item, { onHide(item) }, onForget) { onClick(item) }
        }
    }
}

@Composable
private fun ItemCard(
    item: RecommendedItem,
    onHide: () -> Unit,
    onForget: (String) -> Unit,
    onClick: () -> Unit,
) {
    var why by remember { mutableStateOf(false) }
    Card(onClick, Modifier.fillMaxWidth().padding(horizontal = 8.dp, vertical = 4.dp)) {
        Column(Modifier.padding(12.dp)) {
            Text(item.title, style = MaterialTheme.typography.titleMedium)
            Row {
                TextButton(onClick = { why = !why }) { Text(stringResource(R.string.why)) }
                TextButton(onClick = onHide) { Text(stringResource(R.string.hide)) }
            }
            if (why) {
                // The parts sum to the score; the strongest that speak for it are shown.
                item.reasons.sortedByDescending { it.contribution }.take(REASONS_SHOWN).forEach {
                    Row {
                        Text("%+.2f  ".format(it.contribution) + words(it.kind))
                        (it.kind as? ReasonKind.BecauseOf)?.let { because ->
                            TextButton(onClick = { onForget(because.item) }) {
                                Text(stringResource(R.string.forget))
                            }
                        }
                    }
                }
            }
        }
    }
}

@Composable
private fun words(kind: ReasonKind): String = when (kind) {
    is ReasonKind.BecauseOf -> stringResource(R.string.because_of, kind.title)
    ReasonKind.OtherHistory -> stringResource(R.string.history)
    ReasonKind.Popular -> stringResource(R.string.popular)
    ReasonKind.PopularInContext -> stringResource(R.string.popular_now)
    ReasonKind.Nearby -> stringResource(R.string.nearby)
    ReasonKind.Exploration -> stringResource(R.string.exploration)
    is ReasonKind.Rule -> stringResource(R.string.rule)
    is ReasonKind.Feature, ReasonKind.Base -> stringResource(R.string.other)
}

/** What may be learned and sent is asked before anything is. */
@Composable
fun Question(onAnswer: (DataConsent) -> Unit) {
    Column(Modifier.safeDrawingPadding().padding(24.dp)) {
        Text(stringResource(R.string.ask))
        Button({ onAnswer(DataConsent.FULL) }) { Text(stringResource(R.string.ask_full)) }
        Button({ onAnswer(DataConsent.ON_DEVICE) }) { Text(stringResource(R.string.ask_device)) }
        TextButton({ onAnswer(DataConsent.NOT_GIVEN) }) { Text(stringResource(R.string.ask_no)) }
    }
}

/** The app goes without recommendations and says why; nothing of it crashes. */
@Composable
fun Problem(error: NoctuleError?) {
    Text("$error\n${error?.action}", Modifier.safeDrawingPadding().padding(24.dp))
}

private const val REASONS_SHOWN = 4
